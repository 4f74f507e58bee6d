/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SPAWN_H
#define RUNTIME_SPAWN_H

#include "runtime/init.h"

/* Init, seen from outside. */
struct spawned {
	pid_t pid;
	int pidfd;
	int sync;          /* our end of the conversation */
	bool is_in_cgroup; /* born in its v2 group, of a hybrid host too */
};

/* Takes the one procfs through which everything is written, plan->proc, before anything of a
 * container could be in the way. */
must_check bool spawn_open_proc(struct init_plan *plan, struct error *err);
/* Compiles the config's filter, if it has one, into plan->filter. */
must_check bool spawn_take_filter(struct init_plan *plan, struct error *err);
/* Clones init into its namespaces (and, on v2, its group, which has to be there). It waits for
 * SYNC_JOIN then at the latest. plan->sync is filled here. */
must_check bool spawn_init(struct init_plan *plan, const struct cgroup *cgroup,
			   struct spawned *spawned, struct error *err);
/* Maps the ids of a new user namespace and lets init know. */
must_check bool spawn_map_ids(const struct init_plan *plan, const struct spawned *spawned,
			      struct error *err);
#define SPAWN_SELF 0
/* Through the host's procfs, of a child that waits for us or of the calling process: to an ordinary
 * user a process that has ended, or has become non-dumpable by a change of user, is closed. */
must_check bool spawn_set_oom_score(const struct init_plan *plan, pid_t pid, struct error *err);
/* Sends the doors of the control groups: init may go on. */
must_check bool spawn_let_join(const struct spawned *spawned, const struct cgroup *cgroup,
			       struct error *err);
/* Answers init until its program was executed or, after `create`, waits to be. */
must_check bool spawn_converse(const struct init_plan *plan, const struct spawned *spawned,
			       enum container_fault *fault, struct error *err);
/* For the caller, who may name no file and no socket: NULL. `kind` of a pidfd is "standard" for
 * init, "setns" for others. */
must_check bool spawn_write_pid(const struct spawned *spawned, const char *path, struct error *err);
must_check bool spawn_send_pidfd(const struct spawned *spawned, const char *path, const char *kind,
				 struct error *err);
/* Kills and reaps what was spawned; empty is accepted. */
void spawn_undo(struct spawned *spawned);

#endif
