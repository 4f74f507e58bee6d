/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_UNIT_H
#define LIFECYCLE_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "lifecycle/component.h"
#include "lifecycle/journal.h"
#include "lifecycle/script.h"
#include "lifecycle/service.h"
#include "lifecycle/slice.h"

/*
 * One component under supervision: component says what may follow what; here is done what each
 * state means, and what came of it is fed back. supervisor holds all units and decides who may
 * start and stop when.
 */

struct supervisor;

/* A place for one script of a unit. */
struct unit_script {
	struct unit *unit;
	struct script *script; /* NULL: none */
	enum step_kind kind;
};

enum unit_wish {
	UNIT_RUN,
	UNIT_STOP,   /* stays FINISHED until it is started again */
	UNIT_REMOVE, /* stops, is uninstalled, and goes */
};

struct unit {
	struct supervisor *supervisor;
	char *name;              /* outlives each service */
	struct service *service; /* what it works by */
	struct service *next;    /* what it will work by when it starts again; NULL: the same */
	struct component component;
	struct journal journal;
	char *work;         /* the working directory */
	const char *status; /* "RUN_ERROR"; NULL: nothing is wrong */
	int exit_code;      /* of the last script that ended; -1: none did */
	int64_t entered;    /* when the present state was reached, on loop_now's clock */

	struct unit **needs; /* what it waits for */
	size_t need_count;
	bool is_need_lost; /* something it needs went down: it is to start again */
	bool was_started;  /* it has been running, or had nothing to do, since it was (re)installed
			    */
	bool is_paused;
	struct slice slice; /* of startup or run; made when there are limits, or it is paused */

	enum unit_wish wish;
	bool is_restarting;   /* STOPPING leads back to INSTALLED */
	bool is_reinstalling; /* the same, to NEW */

	/* unit.c's own */
	struct unit_script main;         /* startup or run, and what they left running */
	struct unit_script side;         /* install, shutdown, recover or uninstall */
	enum component_event after_side; /* when it is over and cleared away */
	bool is_entered;                 /* the actions of the present state have been started */
	bool is_shutdown_due;  /* it was started, so stopping it includes its shutdown script */
	bool is_shutdown_late; /* the shutdown script took too long */
};

/* Applies an event that is allowed now. */
void unit_apply(struct unit *unit, enum component_event event);

/* Begins what the present state means, once; false if that was done before. */
bool unit_enter(struct unit *unit);

/* It lies still, so that `next` takes its place. Nothing happens if there is no next. */
void unit_adopt(struct unit *unit);

/* STARTING or RUNNING. */
bool unit_is_up(const struct unit *unit);
/* No script of it is alive. */
bool unit_is_idle(const struct unit *unit);
/* It is not wanted any more, for now or for good. */
bool unit_is_to_stop(const struct unit *unit);

/* The component says of itself that it runs, or that it has failed. What the table does not allow
 * is noted and nothing else. */
void unit_report(struct unit *unit, enum component_state state);

/* Freezes all processes of its startup or run script, or lets them go on. ERROR_UNSUPPORTED: it
 * does not run, or is not paused. */
must_check bool unit_pause(struct unit *unit, struct error *err);
must_check bool unit_resume(struct unit *unit, struct error *err);

#endif
