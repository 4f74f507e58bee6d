/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_COMPONENT_H
#define LIFECYCLE_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * One component's state: a table of what may follow what, and the count of errors that ends in
 * BROKEN. Pure: it starts nothing and waits for nothing; supervisor does.
 */

enum component_state {
	COMPONENT_NEW,
	COMPONENT_INSTALLED,
	COMPONENT_STARTING,
	COMPONENT_RUNNING,
	COMPONENT_STOPPING,
	COMPONENT_ERRORED,
	COMPONENT_BROKEN,
	COMPONENT_FINISHED,
	COMPONENT_UNINSTALLING,
	COMPONENT_UNINSTALLED, /* it is no more */
	COMPONENT_STATES,
};

enum component_event {
	COMPONENT_INSTALL_DONE, /* the install script ended well, or there is none */
	COMPONENT_START,        /* it is wanted, and all it needs is ready */
	COMPONENT_STARTED,      /* run was spawned, or startup ended well */
	COMPONENT_NOTHING,      /* there is neither startup nor run */
	COMPONENT_ENDED,        /* run ended well */
	COMPONENT_STOP,         /* somebody asks it to stop */
	COMPONENT_STOPPED,      /* shutdown is over and all processes are gone: for good */
	COMPONENT_RESTART,      /* the same, to start again */
	COMPONENT_FAIL,         /* a step failed or took too long */
	COMPONENT_REINSTALL, /* from the beginning: after an error while NEW, or as another one */
	COMPONENT_RECOVER,   /* after any other error: through STOPPING */
	COMPONENT_GIVE_UP,   /* the third error in a row */
	COMPONENT_REMOVE,    /* it has stopped, and is to go */
	COMPONENT_REMOVED,   /* its uninstall script is over */
	COMPONENT_EVENTS,
};

#define COMPONENT_ERRORS_MAX 3

/* Errors of one state, counted until that state is left in another way or enough time has passed.
 */
struct component_errors {
	int count;
	int64_t last; /* milliseconds, on the caller's clock */
};

struct component {
	const char *name;
	enum component_state state;
	enum component_state failed_state; /* where the last error happened */
	struct component_errors errors[COMPONENT_STATES];
	int64_t error_reset_time; /* milliseconds */
};

void component_init(struct component *component, const char *name, int64_t error_reset_time);

/* Moves on. An event that is illegal in the state fails: "com.example.X cannot start while NEW". */
must_check bool component_apply(struct component *component, enum component_event event,
				int64_t now, struct error *err);

/* After COMPONENT_FAIL: what comes next, given the errors so far. */
enum component_event component_after_error(const struct component *component);

/* What a dependent waits for (STOPPING counts: it was ready and is on its way to FINISHED). */
bool component_is_ready(const struct component *component);
/* BROKEN, FINISHED or UNINSTALLED: nothing happens by itself any more. */
bool component_is_settled(const struct component *component);

const char *component_state_name(enum component_state state);

#endif
