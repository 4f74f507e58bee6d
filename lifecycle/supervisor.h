/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SUPERVISOR_H
#define LIFECYCLE_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "lifecycle/account.h"
#include "lifecycle/environment.h"
#include "lifecycle/settings.h"
#include "lifecycle/unit.h"

/*
 * All components that are to run: who waits for whom, who starts again when another one does, who
 * stops first. Units come, change and go while it works.
 */

struct supervisor_options {
	const char *root;
	const char *bin;  /* where our docker is: first on PATH */
	const char *mark; /* MOORING_NUCLEUS of our scripts, to know them by */
	const struct settings *settings;
	const struct account *account; /* who runs the scripts; NULL: we ourselves */
	/* Something about the unit has changed; `text` tells people what. */
	void (*on_change)(void *context, const struct unit *unit, const char *text);
	/* It goes wrong in a way that the one who looks after the device is to hear of. */
	void (*on_warning)(void *context, const struct unit *unit, const char *text);
	void (*on_line)(void *context, const struct unit *unit, enum script_stream stream,
			const char *line);
	void (*on_gone)(void *context, const char *name); /* it was removed */
	/* Adds what only the nucleus knows, such as SVCUID; NULL: nothing. */
	void (*add_environment)(void *context, const struct unit *unit,
				struct environment *environment);
	/* False: who needs this component, which is no unit, has to wait; NULL: nobody has to. */
	bool (*is_builtin_ready)(void *context, const char *name);
	void *context;
};

struct supervisor {
	struct loop *loop;
	struct supervisor_options options;
	struct unit **units;
	size_t count;
	size_t changes; /* grows with each change of a state, and when units come and go */
	bool is_stopping;
};

void supervisor_open(struct supervisor *supervisor, struct loop *loop,
		     const struct supervisor_options *options);
/* What is still running is abandoned, so stop first. */
void supervisor_close(struct supervisor *supervisor);

struct unit *supervisor_find(const struct supervisor *supervisor, const char *name);

/* Takes the service over, and starts it when all it needs is ready. On failure it stays the
 * caller's. */
must_check bool supervisor_add(struct supervisor *supervisor, struct service *service,
			       struct unit **unit, struct error *err);

/* A unit that the supervisor does not look after: for a script that is run apart. */
must_check bool supervisor_make_unit(struct supervisor *supervisor, struct service *service,
				     struct unit **unit, struct error *err);
void supervisor_free_unit(struct unit *unit);

/* Another service for the unit, of the same name, takes the place of the present one: at once where
 * the component need not notice, else when it has stopped for that. One that is BROKEN is installed
 * again, whatever has changed. Takes the service over. */
enum service_change supervisor_update(struct unit *unit, struct service *service);

void supervisor_restart(struct unit *unit); /* one that was stopped is started */
void supervisor_stop_unit(struct unit *unit);
void supervisor_remove(struct unit *unit); /* it is freed when it is gone */

/* Does all that can be done without waiting. Call it once, and after every step of the loop. */
must_check bool supervisor_advance(struct supervisor *supervisor, struct error *err);

/* To be called at SIGCHLD. */
void supervisor_look(struct supervisor *supervisor);

/* Asks all to stop, dependents first. */
void supervisor_stop(struct supervisor *supervisor);

/* True when nothing will happen any more: all are FINISHED or BROKEN, or wait for one that is
 * BROKEN. */
bool supervisor_is_over(const struct supervisor *supervisor);

/* Waits for something that is BROKEN, directly or through others. */
bool supervisor_is_blocked(const struct unit *unit);

/* The numbers of the sessions of its living scripts, 0 for none. */
void supervisor_sessions(const struct unit *unit, int64_t sessions[2]);

/* For unit: those that need it and are up have to start again after it. */
void supervisor_tell_dependents(const struct unit *unit);

#endif
