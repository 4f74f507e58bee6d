/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FOUND_H
#define RUNTIME_FOUND_H

#include "runtime/state.h"

/*
 * A container found by its name, as the verbs need it: its state directory and what is written
 * there. A pid from the state counts only together with its start time.
 */

struct found {
	struct state_dir dir;
	struct arena arena;
	struct state state;
};

#define autofound __attribute__((cleanup(found_done)))

void found_init(struct found *found);
void found_done(struct found *found);

/* Finds and reads it. "container does not exist" is ERROR_NOT_FOUND. */
must_check bool found_load(struct found *found, const char *state_root, const char *id,
			   struct error *err);
/* The same, once nobody else changes it any more; the lock lasts until found_done. */
must_check bool found_load_locked(struct found *found, const char *state_root, const char *id,
				  struct error *err);
enum container_status found_status(const struct found *found);
/* A pidfd of that very init, or -1 with errno ESRCH if it is gone. */
int found_open_init(const struct found *found);

#endif
