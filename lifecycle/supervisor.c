/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "lifecycle/unitstep.h"

/*
 * How this works: a unit has two places for scripts. `main` holds startup or run until the
 * component stops, `side` holds install, shutdown or recover while it lasts. Entering a state
 * starts what the state means; the end of a script, or of all processes of a stopped one, applies
 * the next event. No event is applied from within an entry's callers: advance() enters new states
 * one after another.
 *
 *     NEW        install in side ─► clear side ─► INSTALL_DONE or FAIL
 *     INSTALLED  all needs ready ─► START
 *     STARTING   startup in main ─► STARTED or FAIL;  run in main ─► STARTED at once
 *     RUNNING    run ends ─► ENDED or FAIL
 *     ERRORED    recover in side ─► clear side ─► what component_after_error says
 *     STOPPING   clear side ─► shutdown in side ─► clear side ─► clear main ─► STOPPED or RESTART
 *     BROKEN     the same as STOPPING, without an event at the end
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

static bool is_up(const struct unit *unit)
{
	return unit->component.state == COMPONENT_STARTING ||
	       unit->component.state == COMPONENT_RUNNING;
}

/* Those that need the unit and are up have to start again after it. */
static void tell_dependents(const struct unit *unit)
{
	const struct supervisor *supervisor = unit->supervisor;
	size_t index = (size_t)(unit - supervisor->units);

	for (size_t i = 0; i < supervisor->count; i++) {
		struct unit *other = &supervisor->units[i];

		for (size_t k = 0; k < other->plan->need_count; k++)
			if (other->plan->needs[k] == index && is_up(other))
				other->is_need_lost = true;
	}
}

/* An event that the table does not allow is a mistake of this file, not of the user. */
static void apply(struct unit *unit, enum component_event event)
{
	bool was_ready = component_is_ready(&unit->component);
	const char *before = state_of(unit);
	char text[80];
	struct error err;

	if (!component_apply(&unit->component, event, loop_now(), &err)) {
		journal_note(&unit->journal, true, before, "%s", err.text);
		return;
	}
	unit->is_entered = false;
	if (event == COMPONENT_STARTED || event == COMPONENT_NOTHING)
		unit->was_started = true;
	if (unit->component.state == COMPONENT_RUNNING ||
	    unit->component.state == COMPONENT_FINISHED)
		unit->status = NULL;
	if (was_ready && !component_is_ready(&unit->component))
		tell_dependents(unit);
	snprintf(text, sizeof(text), "%s -> %s", before, state_of(unit));
	journal_note(&unit->journal, false, before, "service-set-state. newState=%s",
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
			 step_name(kind), (long long)unit->plan->steps[kind].timeout / 1000);
	else
		snprintf(text, sizeof(text), "the %s script exited with code %d", step_name(kind),
			 result->code);
	journal_note(&unit->journal, !is_good, state_of(unit), "%s. exitCode=%d", text,
		     result->code);
	if (!is_good)
		report(unit, text);
	return is_good;
}

static void fail(struct unit *unit, const char *status)
{
	unit->status = status;
	apply(unit, COMPONENT_FAIL);
}

static void fail_to_start(struct unit *unit, enum step_kind kind, const struct error *err)
{
	journal_note(&unit->journal, true, state_of(unit), "%s", err->text);
	report(unit, err->text);
	fail(unit, status_of(kind, false));
}

/* -- install and recover: in side, then one event ----------------------------------------------
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
		apply(unit, unit->after_side);
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
		apply(unit, COMPONENT_INSTALL_DONE);
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

static void enter_errored(struct unit *unit)
{
	enum component_event next = component_after_error(&unit->component);
	struct error err;

	if (next == COMPONENT_STOPPED && unit->is_restarting)
		next = COMPONENT_RECOVER; /* its shutdown took too long; it is wanted all the same
					   */
	unit->is_restarting = next == COMPONENT_RECOVER;
	if (unit->supervisor->is_stopping && next != COMPONENT_GIVE_UP)
		next = COMPONENT_STOP;
	if (next != COMPONENT_RECOVER || !unitstep_is_wanted(unit, STEP_RECOVER)) {
		apply(unit, next);
		return;
	}
	unit->after_side = next;
	if (!unitstep_start(&unit->side, STEP_RECOVER, on_recover_end, &err)) {
		journal_note(&unit->journal, true, state_of(unit), "%s", err.text);
		apply(unit, next);
	}
}

/* -- startup and run ----------------------------------------------------------------------------
 */

static void on_main_end(void *context, const struct script_result *result)
{
	struct unit *unit = unit_of(context);
	bool is_good = note_end(unit, unit->main.kind, result);

	if (!is_good)
		fail(unit, status_of(unit->main.kind, result->is_timeout));
	else
		apply(unit, unit->main.kind == STEP_RUN ? COMPONENT_ENDED : COMPONENT_STARTED);
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
		apply(unit, COMPONENT_NOTHING);
		return;
	}
	unit->is_shutdown_due = true;
	if (!unitstep_start(&unit->main, unit->main.kind, on_main_end, &err))
		fail_to_start(unit, unit->main.kind, &err);
	else if (unit->main.kind == STEP_RUN)
		apply(unit, COMPONENT_STARTED); /* run is RUNNING as soon as it is there */
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
	journal_note(&unit->journal, true, state_of(unit), "%s", err.text);
	return false;
}

/* One thing after the other, until nothing is left; called again when the thing is done. */
static void wind_down(struct unit *unit)
{
	if (unit->side.script) {
		script_stop(unit->side.script, on_old_side_gone);
		return;
	}
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
	} else {
		apply(unit, unit->is_restarting && !unit->supervisor->is_stopping
				    ? COMPONENT_RESTART
				    : COMPONENT_STOPPED);
	}
}

/* -- what to do now -----------------------------------------------------------------------------
 */

static void enter(struct unit *unit)
{
	switch (unit->component.state) {
	case COMPONENT_NEW:
		if (!unit->supervisor->is_stopping)
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
	default:
		break;
	}
}

static const struct unit *need_of(const struct unit *unit, size_t i)
{
	return &unit->supervisor->units[unit->plan->needs[i]];
}

static bool are_needs_ready(const struct unit *unit)
{
	for (size_t i = 0; i < unit->plan->need_count; i++)
		if (!component_is_ready(&need_of(unit, i)->component))
			return false;
	return true;
}

static bool has_stopped(const struct unit *unit)
{
	return component_is_settled(&unit->component) && !unit->main.script && !unit->side.script;
}

/* When all are to stop, a component waits until those that need it have stopped. */
static bool are_dependents_stopped(const struct unit *unit)
{
	const struct supervisor *supervisor = unit->supervisor;
	size_t index = (size_t)(unit - supervisor->units);

	for (size_t i = 0; i < supervisor->count; i++)
		for (size_t k = 0; k < supervisor->units[i].plan->need_count; k++)
			if (supervisor->units[i].plan->needs[k] == index &&
			    !has_stopped(&supervisor->units[i]))
				return false;
	return true;
}

/* Looks at one unit; true if its state was changed or entered. */
static bool advance_unit(struct unit *unit)
{
	enum component_state before = unit->component.state;

	if (unit->supervisor->is_stopping && !component_is_settled(&unit->component) &&
	    unit->component.state != COMPONENT_STOPPING && are_dependents_stopped(unit)) {
		apply(unit, COMPONENT_STOP);
	} else if (unit->component.state == COMPONENT_INSTALLED) {
		if (!unit->supervisor->is_stopping && are_needs_ready(unit))
			apply(unit, COMPONENT_START);
	} else if (unit->is_need_lost && is_up(unit)) {
		unit->is_restarting = true;
		apply(unit, COMPONENT_STOP);
	}
	unit->is_need_lost = false;
	if (unit->is_entered)
		return unit->component.state != before;
	unit->is_entered = true;
	enter(unit);
	return true;
}

bool supervisor_advance(struct supervisor *supervisor, struct error *err)
{
	/* Every pass moves a unit on; what waits for a script does not count. The bound is far
	 * above what three errors in each state can need. */
	size_t limit = supervisor->count * COMPONENT_STATES * 16 + 1;

	for (bool is_changed = true; is_changed; limit--) {
		if (limit == 0)
			return error_set(err, ERROR_SYSTEM, "the components' states do not settle");
		is_changed = false;
		for (size_t i = 0; i < supervisor->count; i++)
			is_changed = advance_unit(&supervisor->units[i]) || is_changed;
	}
	return true;
}

void supervisor_stop(struct supervisor *supervisor)
{
	supervisor->is_stopping = true;
}

/* Waits for something that is BROKEN, directly or through others. The needs of a unit stand before
 * it in the plan, so this ends. */
static bool is_blocked(const struct unit *unit)
{
	if (unit->component.state != COMPONENT_INSTALLED || unit->supervisor->is_stopping)
		return false;
	for (size_t i = 0; i < unit->plan->need_count; i++) {
		const struct unit *need = need_of(unit, i);

		if (need->component.state == COMPONENT_BROKEN || is_blocked(need))
			return true;
	}
	return false;
}

bool supervisor_is_over(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (!has_stopped(&supervisor->units[i]) && !is_blocked(&supervisor->units[i]))
			return false;
	return true;
}

bool supervisor_has_succeeded(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (!supervisor->units[i].was_started ||
		    supervisor->units[i].component.state == COMPONENT_BROKEN)
			return false;
	return true;
}

void supervisor_look(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++) {
		struct unit *unit = &supervisor->units[i];

		if (unit->main.script)
			script_look(unit->main.script);
		if (unit->side.script)
			script_look(unit->side.script);
	}
}

void supervisor_sessions(const struct unit *unit, int64_t sessions[2])
{
	sessions[0] = unit->main.script ? script_pid(unit->main.script) : 0;
	sessions[1] = unit->side.script ? script_pid(unit->side.script) : 0;
}

/* -- beginning and end --------------------------------------------------------------------------
 */

static bool open_unit(struct unit *unit, struct error *err)
{
	const struct recipe *recipe = unit->plan->recipe;

	component_init(&unit->component, recipe->name, recipe->steps.error_reset_time * 1000);
	return unitstep_make_work(unit, err) &&
	       journal_open(&unit->journal, unit->supervisor->options.logs, recipe->name, err);
}

bool supervisor_open(struct supervisor *supervisor, struct loop *loop,
		     const struct supervisor_options *options, const struct plan *plan,
		     struct error *err)
{
	*supervisor =
		(struct supervisor){ .loop = loop,
				     .options = *options,
				     .units = mem_array(plan->count, sizeof(*supervisor->units)),
				     .count = plan->count };
	for (size_t i = 0; i < plan->count; i++) {
		struct unit *unit = &supervisor->units[i];

		*unit = (struct unit){ .supervisor = supervisor,
				       .plan = &plan->components[i],
				       .journal.fd = -1,
				       .exit_code = -1,
				       .main.unit = unit,
				       .side.unit = unit };
	}
	for (size_t i = 0; i < plan->count; i++)
		if (!open_unit(&supervisor->units[i], err))
			return error_in(err, "%s", plan->components[i].recipe->name);
	return true;
}

void supervisor_close(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++) {
		script_free(supervisor->units[i].main.script);
		script_free(supervisor->units[i].side.script);
		journal_close(&supervisor->units[i].journal);
	}
	free(supervisor->units);
	supervisor->units = NULL;
	supervisor->count = 0;
}
