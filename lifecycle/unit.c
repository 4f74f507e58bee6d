/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "lifecycle/processes.h"
#include "lifecycle/supervisor.h"
#include "lifecycle/unitstep.h"

/*
 * How this works: a unit has two places for scripts. `main` holds startup or run until the
 * component stops, `side` holds install, shutdown, recover or uninstall while it lasts. Entering a
 * state starts what the state means; the end of a script, or of all processes of a stopped one,
 * applies the next event. No event is applied from within an entry's callers: supervisor enters new
 * states one after another.
 *
 *     NEW        install in side ─► clear side ─► INSTALL_DONE or FAIL
 *     INSTALLED  (supervisor) all needs ready ─► START
 *     STARTING   startup in main ─► STARTED or FAIL;  run in main ─► STARTED at once
 *     RUNNING    run ends ─► ENDED or FAIL
 *     ERRORED    clear side ─► recover in side ─► clear side ─► what component_after_error says
 *     STOPPING   clear side ─► shutdown in side ─► clear side ─► clear main ─► STOPPED, RESTART or
 *                REINSTALL
 *     BROKEN     the same as STOPPING, without an event at the end
 *     UNINSTALLING  uninstall in side ─► clear side ─► REMOVED
 *
 * "Clear" is script_stop: whatever processes a script left behind are ended.
 */

static void wind_down(struct unit *unit);

/* -- small things -------------------------------------------------------------------------------
 */

/* Scripts are started with their place as context. */
static struct unit *unit_of(void *context)
{
	struct unit_script *place = context;

	return place->unit;
}

static const char *state_of(const struct unit *unit)
{
	return component_state_name(unit->component.state);
}

static void report(struct unit *unit, const char *text)
{
	const struct supervisor_options *options = &unit->supervisor->options;

	options->on_change(options->context, unit, text);
}

bool unit_is_up(const struct unit *unit)
{
	return unit->component.state == COMPONENT_STARTING ||
	       unit->component.state == COMPONENT_RUNNING;
}

bool unit_is_idle(const struct unit *unit)
{
	return !unit->main.script && !unit->side.script;
}

bool unit_is_to_stop(const struct unit *unit)
{
	return unit->supervisor->is_stopping || unit->wish != UNIT_RUN;
}

void unit_adopt(struct unit *unit)
{
	if (!unit->next)
		return;
	service_free(unit->service);
	unit->service = unit->next;
	unit->next = NULL;
	unit->exit_code = -1; /* what has ended was the other version's */
	unit->component.error_reset_time = unit->service->error_reset_time;
}

/* An event that the table does not allow is a mistake of this file, not of the user. */
void unit_apply(struct unit *unit, enum component_event event)
{
	bool was_ready = component_is_ready(&unit->component);
	const char *before = state_of(unit);
	char text[80];
	struct error err;

	if (!component_apply(&unit->component, event, loop_now(), &err)) {
		journal_note(&unit->journal, LOGLINE_ERROR, before, "%s", err.text);
		return;
	}
	unit->supervisor->changes++;
	unit->is_entered = false;
	unit->entered = loop_now();
	if (event == COMPONENT_REINSTALL)
		unit->was_started = unit->is_reinstalling = unit->is_restarting = false;
	if (event == COMPONENT_STARTED || event == COMPONENT_NOTHING)
		unit->was_started = true;
	if (unit->component.state == COMPONENT_RUNNING ||
	    unit->component.state == COMPONENT_FINISHED)
		unit->status = NULL;
	if (was_ready && !component_is_ready(&unit->component))
		supervisor_tell_dependents(unit);
	snprintf(text, sizeof(text), "%s -> %s", before, state_of(unit));
	journal_note(&unit->journal, LOGLINE_INFO, before, "service-set-state. newState=%s",
		     state_of(unit));
	report(unit, text);
}

/* Which status a failing step leaves: greengrass has them in ComponentStatusCode. */
static const char *status_of(enum step_kind kind, bool is_timeout)
{
	switch (kind) {
	case STEP_INSTALL:
		return is_timeout ? "INSTALL_TIMEOUT" : "INSTALL_ERROR";
	case STEP_STARTUP:
		return is_timeout ? "STARTUP_TIMEOUT" : "STARTUP_ERROR";
	case STEP_RUN:
		return is_timeout ? "RUN_TIMEOUT" : "RUN_ERROR";
	case STEP_SHUTDOWN:
		return is_timeout ? "SHUTDOWN_TIMEOUT" : "SHUTDOWN_ERROR";
	default:
		return is_timeout ? "TIMEOUT" : "ERROR";
	}
}

/* Tells how a script ended; true if it ended well. */
static bool note_end(struct unit *unit, enum step_kind kind, const struct script_result *result)
{
	bool is_good = !result->is_timeout && result->code == 0;
	char text[120];

	unit->exit_code = result->code;
	if (result->is_timeout)
		snprintf(text, sizeof(text), "the %s script took longer than %lld s",
			 step_name(kind), (long long)unit->service->steps[kind].timeout / 1000);
	else
		snprintf(text, sizeof(text), "the %s script exited with code %d", step_name(kind),
			 result->code);
	journal_note(&unit->journal, is_good ? LOGLINE_INFO : LOGLINE_ERROR, state_of(unit),
		     "%s. exitCode=%d", text, result->code);
	if (!is_good)
		report(unit, text);
	return is_good;
}

static void fail(struct unit *unit, const char *status)
{
	unit->status = status;
	unit_apply(unit, COMPONENT_FAIL);
}

/* Where no script could be started: no such user, or the system says no. */
static const char *status_without_script(enum step_kind kind, const struct error *err)
{
	bool is_user = err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INPUT;

	switch (kind) {
	case STEP_INSTALL:
		return is_user ? "INSTALL_MISSING_DEFAULT_RUNWITH" : "INSTALL_IO_ERROR";
	case STEP_STARTUP:
		return is_user ? "STARTUP_MISSING_DEFAULT_RUNWITH" : "STARTUP_IO_ERROR";
	case STEP_RUN:
		return is_user ? "RUN_MISSING_DEFAULT_RUNWITH" : "RUN_IO_ERROR";
	default:
		return status_of(kind, false);
	}
}

static void fail_to_start(struct unit *unit, enum step_kind kind, const struct error *err)
{
	journal_note(&unit->journal, LOGLINE_ERROR, state_of(unit), "%s", err->text);
	report(unit, err->text);
	fail(unit, status_without_script(kind, err));
}

/* -- install, recover and uninstall: in side, then one event
 * ----------------------------------------------
 */

static void free_side(struct unit *unit)
{
	script_free(unit->side.script);
	unit->side.script = NULL;
}

static void on_side_gone(void *context)
{
	struct unit *unit = unit_of(context);

	free_side(unit);
	if (unit->after_side == COMPONENT_FAIL)
		fail(unit, unit->status);
	else
		unit_apply(unit, unit->after_side);
}

static void on_install_end(void *context, const struct script_result *result)
{
	struct unit *unit = unit_of(context);

	unit->after_side = COMPONENT_INSTALL_DONE;
	if (!note_end(unit, STEP_INSTALL, result)) {
		unit->status = status_of(STEP_INSTALL, result->is_timeout);
		unit->after_side = COMPONENT_FAIL;
	}
	script_stop(unit->side.script, on_side_gone);
}

static void enter_new(struct unit *unit)
{
	struct error err;

	if (!unitstep_is_wanted(unit, STEP_INSTALL)) {
		unit_apply(unit, COMPONENT_INSTALL_DONE);
		return;
	}
	if (!unitstep_start(&unit->side, STEP_INSTALL, on_install_end, &err))
		fail_to_start(unit, STEP_INSTALL, &err);
}

static void on_recover_end(void *context, const struct script_result *result)
{
	struct unit *unit = unit_of(context);

	note_end(unit, STEP_RECOVER, result); /* whatever it says, the next attempt follows */
	script_stop(unit->side.script, on_side_gone);
}

static void enter_errored(struct unit *unit);

static void on_failed_side_gone(void *context)
{
	struct unit *unit = unit_of(context);

	free_side(unit);
	enter_errored(unit);
}

/* After a shutdown that took too long everything is cleared away already, so that it goes where it
 * was going; after another error of STOPPING (reported by the component) not everything is. */
static enum component_event after_shutdown(const struct unit *unit)
{
	if (unit_is_to_stop(unit))
		return unit_is_idle(unit) ? COMPONENT_STOPPED : COMPONENT_STOP;
	if (!unit_is_idle(unit))
		return COMPONENT_RECOVER;
	if (unit->is_reinstalling)
		return COMPONENT_REINSTALL;
	return unit->is_restarting ? COMPONENT_RESTART : COMPONENT_STOPPED;
}

static enum component_event after_error(struct unit *unit)
{
	enum component_event next = component_after_error(&unit->component);

	if (next == COMPONENT_STOPPED)
		return after_shutdown(unit);
	unit->is_restarting = next == COMPONENT_RECOVER;
	return unit_is_to_stop(unit) && next != COMPONENT_GIVE_UP ? COMPONENT_STOP : next;
}

static void enter_errored(struct unit *unit)
{
	struct error err;

	/* A component that reports its own error is still at work. */
	if (unit->side.script) {
		script_stop(unit->side.script, on_failed_side_gone);
		return;
	}
	unit->after_side = after_error(unit);
	if (unit->after_side == COMPONENT_GIVE_UP || unit->after_side == COMPONENT_STOP ||
	    !unitstep_is_wanted(unit, STEP_RECOVER)) {
		unit_apply(unit, unit->after_side);
	} else if (!unitstep_start(&unit->side, STEP_RECOVER, on_recover_end, &err)) {
		journal_note(&unit->journal, LOGLINE_ERROR, state_of(unit), "%s", err.text);
		unit_apply(unit, unit->after_side);
	}
}

static void on_uninstall_end(void *context, const struct script_result *result)
{
	struct unit *unit = unit_of(context);

	note_end(unit, STEP_UNINSTALL, result); /* it goes in any case */
	script_stop(unit->side.script, on_side_gone);
}

static void enter_uninstalling(struct unit *unit)
{
	struct error err;

	unit->after_side = COMPONENT_REMOVED;
	if (!unitstep_is_wanted(unit, STEP_UNINSTALL)) {
		unit_apply(unit, COMPONENT_REMOVED);
	} else if (!unitstep_start(&unit->side, STEP_UNINSTALL, on_uninstall_end, &err)) {
		journal_note(&unit->journal, LOGLINE_ERROR, state_of(unit), "%s", err.text);
		unit_apply(unit, COMPONENT_REMOVED);
	}
}

/* -- startup and run ----------------------------------------------------------------------------
 */

static void on_main_end(void *context, const struct script_result *result)
{
	struct unit *unit = unit_of(context);
	bool is_good = note_end(unit, unit->main.kind, result);

	unitstep_note_killed(unit);
	if (!unit_is_up(unit))
		return; /* it has reported its own end, and is being taken down */
	if (!is_good)
		fail(unit, status_of(unit->main.kind, result->is_timeout));
	else if (unit->main.kind == STEP_RUN)
		unit_apply(unit, COMPONENT_ENDED);
	else if (unit->component.state == COMPONENT_STARTING)
		unit_apply(unit, COMPONENT_STARTED); /* else it has said so itself before */
}

static void enter_starting(struct unit *unit)
{
	struct error err;

	unit->is_restarting = false;
	if (unitstep_is_wanted(unit, STEP_STARTUP)) {
		unit->main.kind = STEP_STARTUP;
	} else if (unitstep_is_wanted(unit, STEP_RUN)) {
		unit->main.kind = STEP_RUN;
	} else {
		unit_apply(unit, COMPONENT_NOTHING);
		return;
	}
	unit->is_shutdown_due = true;
	if (!unitstep_start(&unit->main, unit->main.kind, on_main_end, &err))
		fail_to_start(unit, unit->main.kind, &err);
	else if (unit->main.kind == STEP_RUN)
		unit_apply(unit, COMPONENT_STARTED); /* run is RUNNING as soon as it is there */
}

/* -- stopping -----------------------------------------------------------------------------------
 */

static void on_shutdown_end(void *context, const struct script_result *result)
{
	struct unit *unit = unit_of(context);

	note_end(unit, STEP_SHUTDOWN, result); /* its exit code is told, and no more */
	unit->is_shutdown_late = result->is_timeout;
	wind_down(unit);
}

static void on_old_side_gone(void *context)
{
	struct unit *unit = unit_of(context);

	free_side(unit);
	wind_down(unit);
}

static void on_main_gone(void *context)
{
	struct unit *unit = unit_of(context);

	script_free(unit->main.script);
	unit->main.script = NULL;
	unitstep_note_killed(unit); /* what it had left running */
	slice_remove(&unit->slice);
	wind_down(unit);
}

/* Returns false if there is no shutdown to wait for. */
static bool start_shutdown(struct unit *unit)
{
	struct error err;

	unit->is_shutdown_due = false;
	if (!unitstep_is_wanted(unit, STEP_SHUTDOWN))
		return false;
	if (unitstep_start(&unit->side, STEP_SHUTDOWN, on_shutdown_end, &err))
		return true;
	journal_note(&unit->journal, LOGLINE_ERROR, state_of(unit), "%s", err.text);
	return false;
}

/* What is frozen cannot end, nor be shut down by its script. */
static void thaw(struct unit *unit)
{
	struct error err;

	if (unit->is_paused && !unit_resume(unit, &err))
		journal_note(&unit->journal, LOGLINE_ERROR, state_of(unit), "%s", err.text);
}

/* One thing after the other, until nothing is left; called again when the thing is done. */
static void wind_down(struct unit *unit)
{
	if (unit->side.script) {
		script_stop(unit->side.script, on_old_side_gone);
		return;
	}
	thaw(unit);
	if (unit->is_shutdown_due && start_shutdown(unit))
		return;
	if (unit->main.script) {
		script_stop(unit->main.script, on_main_gone);
		return;
	}
	if (unit->component.state != COMPONENT_STOPPING)
		return;
	if (unit->is_shutdown_late) {
		unit->is_shutdown_late = false;
		fail(unit, status_of(STEP_SHUTDOWN, true));
		return;
	}
	unit_adopt(unit);
	if (unit_is_to_stop(unit))
		unit_apply(unit, COMPONENT_STOPPED);
	else if (unit->is_reinstalling)
		unit_apply(unit, COMPONENT_REINSTALL);
	else
		unit_apply(unit, unit->is_restarting ? COMPONENT_RESTART : COMPONENT_STOPPED);
}

/* -- from outside -------------------------------------------------------------------------------
 */

static void enter(struct unit *unit)
{
	switch (unit->component.state) {
	case COMPONENT_NEW:
		if (!unit_is_to_stop(unit))
			enter_new(unit);
		break;
	case COMPONENT_STARTING:
		enter_starting(unit);
		break;
	case COMPONENT_STOPPING:
	case COMPONENT_BROKEN:
		wind_down(unit);
		break;
	case COMPONENT_ERRORED:
		enter_errored(unit);
		break;
	case COMPONENT_UNINSTALLING:
		enter_uninstalling(unit);
		break;
	default:
		break;
	}
}

bool unit_enter(struct unit *unit)
{
	if (unit->is_entered)
		return false;
	unit->is_entered = true;
	enter(unit);
	return true;
}

void unit_report(struct unit *unit, enum component_state state)
{
	enum component_state now = unit->component.state;

	if (state == COMPONENT_RUNNING && now == COMPONENT_STARTING)
		unit_apply(unit, COMPONENT_STARTED);
	else if (state == COMPONENT_ERRORED &&
		 (now == COMPONENT_NEW || now == COMPONENT_STARTING || now == COMPONENT_RUNNING ||
		  now == COMPONENT_STOPPING))
		fail(unit, now == COMPONENT_NEW        ? "INSTALL_ERROR"
			   : now == COMPONENT_STARTING ? "STARTUP_ERROR"
			   : now == COMPONENT_RUNNING  ? "RUN_ERROR"
						       : "SHUTDOWN_ERROR");
	else if (state != now)
		journal_note(&unit->journal, LOGLINE_INFO, state_of(unit),
			     "the component reports %s, which is not possible now",
			     component_state_name(state));
}

/* -- pausing ------------------------------------------------------------------------------------
 */

bool unit_pause(struct unit *unit, struct error *err)
{
	if (unit->component.state != COMPONENT_RUNNING || !unit->main.script)
		return error_set(err, ERROR_UNSUPPORTED, "%s is not running", unit->component.name);
	if (unit->is_paused)
		return true;
	if (unit->slice.count == 0 && !unitstep_make_slice(unit, err))
		return false;
	if (!processes_move(script_pid(unit->main.script), &unit->slice, err) ||
	    !slice_freeze(&unit->slice, true, err))
		return false;
	unit->is_paused = true;
	journal_note(&unit->journal, LOGLINE_INFO, state_of(unit), "paused");
	return true;
}

bool unit_resume(struct unit *unit, struct error *err)
{
	if (!unit->is_paused)
		return error_set(err, ERROR_UNSUPPORTED, "%s is not paused", unit->component.name);
	if (!slice_freeze(&unit->slice, false, err))
		return false;
	unit->is_paused = false;
	journal_note(&unit->journal, LOGLINE_INFO, state_of(unit), "resumed");
	return true;
}
