/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_STATE_H
#define RUNTIME_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/jsonout.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/rdt.h"

/*
 * What is known of a container across processes: a directory ROOT/ID with state.json, and while it
 * waits for `start` the two FIFOs. A process is named by pid and start time, so a pid that was
 * used again is not mistaken for it.
 */

#define STATE_ID_MAX 255
#define STATE_FILE   "state.json"
#define STATE_FIFO   "exec.fifo"   /* start writes one byte, init reads it */
#define STATE_RESULT "exec.result" /* init writes why it could not execute, start reads it */
#define STATE_CONFIG "config.json" /* as it was when the container was made: what exec goes by */

struct state {
	struct arena *arena;
	const char *version; /* ociVersion */
	const char *id, *bundle, *rootfs, *created;
	pid_t pid;
	unsigned long long start_time;
	const struct json *annotations;          /* or NULL */
	struct spec_hook_list hooks[HOOK_KINDS]; /* those that run after create */
	const struct json *raw_hooks;
	struct cgroup cgroup;
	struct rdt rdt;
	int64_t root_mount;      /* hostroot.h; 0: in a mount namespace of its own */
	bool has_pid_namespace;  /* of its own: the rest dies with init */
	bool is_without_keyring; /* stays in its caller's session keyring */
	uid_t owner;
};

/* ROOT/ID, open. */
struct state_dir {
	int root; /* ROOT */
	int dir;  /* ROOT/ID; the lock is on it */
};

void state_dir_init(struct state_dir *dir);
void state_dir_close(struct state_dir *dir);

/* "container id cannot be empty", "invalid container ID format". */
must_check bool state_check_id(const char *id, struct error *err);

/* Takes the name: makes ROOT (if missing) and ROOT/ID, locked. */
must_check bool state_reserve(const char *root, const char *id, struct state_dir *dir,
			      struct error *err);
/* Finds ROOT/ID, without locking it; fails with ERROR_NOT_FOUND "container does not exist". */
must_check bool state_find(const char *root, const char *id, struct state_dir *dir,
			   struct error *err);
/* Waits until nobody else changes the container. */
must_check bool state_lock(const struct state_dir *dir, const char *id, struct error *err);
void state_unlock(const struct state_dir *dir);
/* Waits until nobody creates or starts it any more, and locks nobody out. */
must_check bool state_settle(const struct state_dir *dir, const char *id, struct error *err);
must_check bool state_save(const struct state_dir *dir, const struct state *state,
			   struct error *err);
/* Keeps the text of the config. */
must_check bool state_save_config(const struct state_dir *dir, const struct buf *text,
				  struct error *err);
/* Reads state.json into the arena. state_done afterwards. */
must_check bool state_load(const struct state_dir *dir, struct arena *arena, struct state *state,
			   struct error *err);
void state_done(struct state *state);
/* Gives the name back, if it still is this container's. */
must_check bool state_remove(const struct state_dir *dir, const char *id, struct error *err);

enum container_status state_status(const struct state_dir *dir, const struct state *state);

/* The members of a state object as hooks get it (runtime-spec: state). */
void state_write(struct jsonout *out, const struct state *state, enum container_status status,
		 pid_t pid);

#endif
