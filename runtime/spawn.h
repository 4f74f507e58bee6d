/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SPAWN_H
#define RUNTIME_SPAWN_H

#include "runtime/init.h"

/* Init, seen from outside. */
struct spawned {
	pid_t pid;
	int pidfd;
	int sync;          /* our end of the conversation */
	bool is_in_cgroup; /* born in its v2 group */
};

/* Clones init into its namespaces (and, on v2, its group, which has to be there). It waits for
 * SYNC_JOIN then at the latest. plan->sync is filled here. */
must_check bool spawn_init(struct init_plan *plan, const struct cgroup *cgroup,
			   struct spawned *spawned, struct error *err);
/* Maps the ids of a new user namespace and lets init know. */
must_check bool spawn_map_ids(const struct init_plan *plan, const struct spawned *spawned,
			      struct error *err);
/* Sends the doors of the control groups: init may go on. */
must_check bool spawn_let_join(const struct spawned *spawned, const struct cgroup *cgroup,
			       struct error *err);
/* Answers init until its program was executed or, after `create`, waits to be. */
must_check bool spawn_converse(const struct init_plan *plan, const struct spawned *spawned,
			       enum container_fault *fault, struct error *err);
/* Kills and reaps what was spawned; empty is accepted. */
void spawn_undo(struct spawned *spawned);

#endif
