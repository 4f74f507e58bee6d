/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SUPERVISOR_H
#define LIFECYCLE_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "lifecycle/account.h"
#include "lifecycle/component.h"
#include "lifecycle/journal.h"
#include "lifecycle/plan.h"
#include "lifecycle/script.h"

/*
 * Takes the components of a plan through their states: component says what may follow what,
 * supervisor does what each state means and feeds back what came of it.
 */

struct supervisor;

/* A place for one script of a unit. */
struct unit_script {
	struct unit *unit;
	struct script *script; /* NULL: none */
	enum step_kind kind;
};

/* One component under supervision. */
struct unit {
	struct supervisor *supervisor;
	const struct plan_component *plan;
	struct component component;
	struct journal journal;
	const char *status; /* "RUN_ERROR"; NULL: nothing is wrong */
	int exit_code;      /* of the last script that ended; -1: none did */

	/* The supervisor's own. */
	struct unit_script main;         /* startup or run, and what they left running */
	struct unit_script side;         /* install, shutdown or recover */
	enum component_event after_side; /* when install or recover is over and cleared away */
	bool is_entered;                 /* the actions of the present state have been started */
	bool is_shutdown_due;  /* it was started, so stopping it includes its shutdown script */
	bool is_shutdown_late; /* the shutdown script took too long */
	bool is_restarting;    /* STOPPING leads back to INSTALLED */
	bool is_need_lost;     /* something it needs went down: it is to start again */
	bool was_started;      /* it has been running, or had nothing to do */
};

struct supervisor_options {
	const char *root;
	const char *logs;       /* the directory of the components' logs */
	const char *bin;        /* where our docker is: first on PATH */
	const char *deployment; /* its id; marks our scripts' environment */
	const struct settings *settings;
	const struct account *account; /* who runs the scripts; NULL: we ourselves */
	const struct account *self;    /* who runs those with RequiresPrivilege */
	/* Something about the unit has changed; `text` tells people what. */
	void (*on_change)(void *context, const struct unit *unit, const char *text);
	void (*on_line)(void *context, const struct unit *unit, enum script_stream stream,
			const char *line);
	void *context;
};

struct supervisor {
	struct loop *loop;
	struct supervisor_options options;
	struct unit *units;
	size_t count;
	bool is_stopping;
};

/* Prepares work directories and logs; starts nothing. */
must_check bool supervisor_open(struct supervisor *supervisor, struct loop *loop,
				const struct supervisor_options *options, const struct plan *plan,
				struct error *err);

/* Does all that can be done without waiting. Call it once, and after every step of the loop. */
must_check bool supervisor_advance(struct supervisor *supervisor, struct error *err);

/* To be called at SIGCHLD. */
void supervisor_look(struct supervisor *supervisor);

/* Asks all to stop, dependents first. */
void supervisor_stop(struct supervisor *supervisor);

/* True when nothing will happen any more: all are FINISHED or BROKEN, or wait for one that is
 * BROKEN. */
bool supervisor_is_over(const struct supervisor *supervisor);

/* True if every component has been RUNNING or FINISHED and none is BROKEN. */
bool supervisor_has_succeeded(const struct supervisor *supervisor);

/* The numbers of the sessions of its living scripts, 0 for none. */
void supervisor_sessions(const struct unit *unit, int64_t sessions[2]);

/* What is still running is abandoned, so stop first. */
void supervisor_close(struct supervisor *supervisor);

#endif
