/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_RUNSTATE_H
#define LIFECYCLE_RUNSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * How the components stand, in one file on a tmpfs that is replaced at every change:
 * RUN/nucleus/HASH.json, HASH being of the root directory. `mooring component` reads it, and the
 * next nucleus, to end what a killed one left behind. It is no record: what must survive a reboot
 * is in statedb, and flash is not worn by states that change.
 */

#define RUNSTATE_SIZE_MAX       (4 * 1024 * 1024)
#define RUNSTATE_COMPONENTS_MAX 4096
#define RUNSTATE_SESSIONS       2 /* of a component: main and side */

struct runstate_component {
	const char *name;
	const char *state;
	const char *status; /* why it is ERRORED or BROKEN: "RUN_ERROR"; NULL: nothing is wrong */
	int64_t exit_code;  /* of the last script that ended; -1: none did */
	int64_t sessions[RUNSTATE_SESSIONS]; /* of its living scripts: 0 is none */
};

struct runstate {
	const char *nucleus; /* random, of this very process: marks its scripts; NULL: none ever */
	const char *boot;    /* the kernel's boot id: pids mean nothing in another one */
	int64_t supervisor;  /* pid and start time of the nucleus */
	int64_t supervisor_start;
	struct runstate_component *components;
	size_t count;
};

/* Where it is, in `arena`. */
const char *runstate_path(struct arena *arena, const char *root) must_check;

/* An absent file is empty; a damaged one is too, as it is worth nothing then. All lives in `arena`.
 */
void runstate_read(struct runstate *state, struct arena *arena, const char *path);
must_check bool runstate_write(const struct runstate *state, const char *path, struct error *err);

const struct runstate_component *runstate_find(const struct runstate *state, const char *name);

/* True while the nucleus that wrote it is alive: states such as RUNNING are then true. */
bool runstate_is_supervised(const struct runstate *state);
/* Same boot as now: sessions may still be alive. */
bool runstate_is_this_boot(const struct runstate *state);
/* Fills nucleus, boot and supervisor with ours. */
must_check bool runstate_begin(struct runstate *state, struct arena *arena, const char *nucleus,
			       struct error *err);

#endif
