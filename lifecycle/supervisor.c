/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "lifecycle/slice.h"
#include "lifecycle/unitstep.h"

#define PASSES_MAX 64 /* of one unit in a row without waiting: far above what states there are */

void supervisor_open(struct supervisor *supervisor, struct loop *loop,
		     const struct supervisor_options *options)
{
	*supervisor = (struct supervisor){ .loop = loop, .options = *options };
}

void supervisor_free_unit(struct unit *unit)
{
	script_free(unit->main.script);
	script_free(unit->side.script);
	slice_sweep(unit->service->name);
	journal_close(&unit->journal);
	service_free(unit->service);
	service_free(unit->next);
	free(unit->needs);
	free(unit->work);
	free(unit->name);
	free(unit);
}

void supervisor_close(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++)
		supervisor_free_unit(supervisor->units[i]);
	if (supervisor->count)
		slice_sweep(NULL);
	free(supervisor->units);
	*supervisor = (struct supervisor){ 0 };
}

struct unit *supervisor_find(const struct supervisor *supervisor, const char *name)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (strcmp(supervisor->units[i]->service->name, name) == 0)
			return supervisor->units[i];
	return NULL;
}

/* -- who needs whom -----------------------------------------------------------------------------
 */

/* What is built in, or not there, is not waited for. */
static void link_unit(struct unit *unit)
{
	const struct service *service = unit->next ? unit->next : unit->service;

	free(unit->needs);
	unit->needs = mem_array(service->need_count + 1, sizeof(struct unit *));
	unit->need_count = 0;
	for (size_t i = 0; i < service->need_count; i++) {
		struct unit *need = supervisor_find(unit->supervisor, service->needs[i].name);

		if (need && need != unit && !service->needs[i].is_soft)
			unit->needs[unit->need_count++] = need;
	}
}

static void link_all(struct supervisor *supervisor)
{
	supervisor->changes++;
	for (size_t i = 0; i < supervisor->count; i++)
		link_unit(supervisor->units[i]);
}

static bool needs(const struct unit *unit, const struct unit *other)
{
	for (size_t i = 0; i < unit->need_count; i++)
		if (unit->needs[i] == other)
			return true;
	return false;
}

void supervisor_tell_dependents(const struct unit *unit)
{
	const struct supervisor *supervisor = unit->supervisor;

	for (size_t i = 0; i < supervisor->count; i++)
		if (needs(supervisor->units[i], unit) && unit_is_up(supervisor->units[i]))
			supervisor->units[i]->is_need_lost = true;
}

static bool are_builtins_ready(const struct unit *unit)
{
	const struct supervisor_options *options = &unit->supervisor->options;
	const struct service *service = unit->service;

	for (size_t i = 0; options->is_builtin_ready && i < service->need_count; i++)
		if (!service->needs[i].is_soft &&
		    !options->is_builtin_ready(options->context, service->needs[i].name))
			return false;
	return true;
}

static bool are_needs_ready(const struct unit *unit)
{
	for (size_t i = 0; i < unit->need_count; i++)
		if (!component_is_ready(&unit->needs[i]->component))
			return false;
	return are_builtins_ready(unit);
}

static bool has_stopped(const struct unit *unit)
{
	return component_is_settled(&unit->component) && unit_is_idle(unit);
}

/* A component that is to stop with others waits until those that need it have stopped. */
static bool are_dependents_stopped(const struct unit *unit)
{
	const struct supervisor *supervisor = unit->supervisor;

	for (size_t i = 0; i < supervisor->count; i++) {
		const struct unit *other = supervisor->units[i];

		if (needs(other, unit) && !has_stopped(other) &&
		    (supervisor->is_stopping || other->component.state != COMPONENT_NEW))
			return false;
	}
	return true;
}

/* -- units come and go --------------------------------------------------------------------------
 */

bool supervisor_make_unit(struct supervisor *supervisor, struct service *service,
			  struct unit **result, struct error *err)
{
	struct unit *unit = mem_alloc(sizeof(*unit));

	*unit = (struct unit){ .supervisor = supervisor,
			       .service = service,
			       .exit_code = -1,
			       .entered = loop_now(),
			       .main.unit = unit,
			       .side.unit = unit };
	unit->work = mem_printf("%s/work/%s", supervisor->options.root, service->name);
	unit->name = mem_strdup(service->name);
	journal_init(&unit->journal, &supervisor->options.settings->logging, unit->name);
	component_init(&unit->component, unit->name, service->error_reset_time);
	if (!unitstep_make_work(unit, err) || !journal_open(&unit->journal, err)) {
		unit->service = NULL;
		supervisor_free_unit(unit);
		return error_in(err, "%s", service->name);
	}
	*result = unit;
	return true;
}

bool supervisor_add(struct supervisor *supervisor, struct service *service, struct unit **result,
		    struct error *err)
{
	if (!supervisor_make_unit(supervisor, service, result, err))
		return false;
	supervisor->units =
		mem_resize(supervisor->units, supervisor->count + 1, sizeof(*supervisor->units));
	supervisor->units[supervisor->count++] = *result;
	link_all(supervisor);
	return true;
}

static void take_out(struct supervisor *supervisor, size_t index)
{
	struct unit *unit = supervisor->units[index];

	supervisor->options.on_gone(supervisor->options.context, unit->service->name);
	supervisor->count--;
	memmove(&supervisor->units[index], &supervisor->units[index + 1],
		(supervisor->count - index) * sizeof(struct unit *));
	supervisor_free_unit(unit);
	link_all(supervisor);
}

enum service_change supervisor_update(struct unit *unit, struct service *service)
{
	enum service_change change = service_compare(unit->service, service);

	service_free(unit->next);
	unit->next = service;
	unit->wish = UNIT_RUN;
	if (unit->component.state == COMPONENT_BROKEN)
		change = SERVICE_REINSTALL;
	unit->is_reinstalling = unit->is_reinstalling || change == SERVICE_REINSTALL;
	unit->is_restarting = unit->is_restarting || change == SERVICE_RESTART;
	unitstep_write_limits(unit, service);
	link_all(unit->supervisor);
	return change;
}

void supervisor_restart(struct unit *unit)
{
	unit->wish = UNIT_RUN;
	unit->is_restarting = true;
}

void supervisor_stop_unit(struct unit *unit)
{
	unit->wish = UNIT_STOP;
	unit->is_restarting = unit->is_reinstalling = false;
}

void supervisor_remove(struct unit *unit)
{
	unit->wish = UNIT_REMOVE;
	unit->is_restarting = unit->is_reinstalling = false;
}

void supervisor_stop(struct supervisor *supervisor)
{
	supervisor->is_stopping = true;
}

/* -- what to do now -----------------------------------------------------------------------------
 */

/* It is to stop, and perhaps to go. One that somebody asked to stop does not wait for others. */
static void take_down(struct unit *unit)
{
	if (unit->component.state == COMPONENT_STOPPING ||
	    unit->component.state >= COMPONENT_UNINSTALLING)
		return;
	if (unit->wish == UNIT_STOP && !unit->supervisor->is_stopping) {
		if (!component_is_settled(&unit->component))
			unit_apply(unit, COMPONENT_STOP);
		return;
	}
	if (!are_dependents_stopped(unit))
		return;
	if (!component_is_settled(&unit->component))
		unit_apply(unit, COMPONENT_STOP);
	else if (unit->wish == UNIT_REMOVE && unit_is_idle(unit) && !unit->supervisor->is_stopping)
		unit_apply(unit, COMPONENT_REMOVE);
}

/* NEW, INSTALLED, FINISHED or BROKEN, and no script is alive: another service can take its place.
 */
static void begin_again(struct unit *unit)
{
	bool is_reinstalling = unit->is_reinstalling;
	enum component_state state = unit->component.state;

	unit_adopt(unit);
	if (state == COMPONENT_NEW)
		unit->is_reinstalling = unit->is_restarting = false;
	else if (is_reinstalling)
		unit_apply(unit, COMPONENT_REINSTALL);
	else if (state == COMPONENT_FINISHED && unit->is_restarting)
		unit_apply(unit, COMPONENT_RESTART);
	else if (state == COMPONENT_INSTALLED && are_needs_ready(unit))
		unit_apply(unit, COMPONENT_START);
	if (state == COMPONENT_BROKEN || state == COMPONENT_INSTALLED)
		unit->is_restarting = false;
}

/* Looks at one unit; true if its state was changed or entered. */
static bool advance_unit(struct unit *unit)
{
	enum component_state before = unit->component.state;

	if (unit_is_to_stop(unit)) {
		take_down(unit);
	} else if (unit_is_up(unit)) {
		unit->is_restarting = unit->is_restarting || unit->is_need_lost;
		if (unit->is_restarting || unit->is_reinstalling)
			unit_apply(unit, COMPONENT_STOP);
	} else if (before == COMPONENT_NEW && unit->is_entered) {
		if (unit->is_reinstalling)
			unit_apply(unit, COMPONENT_STOP); /* its install script is at work */
	} else if (before != COMPONENT_STOPPING && before != COMPONENT_ERRORED &&
		   unit_is_idle(unit)) {
		begin_again(unit);
	}
	unit->is_need_lost = false;
	return unit_enter(unit) || unit->component.state != before;
}

bool supervisor_advance(struct supervisor *supervisor, struct error *err)
{
	size_t limit = supervisor->count * PASSES_MAX + 1;

	for (bool is_changed = true; is_changed; limit--) {
		if (limit == 0)
			return error_set(err, ERROR_SYSTEM, "the components' states do not settle");
		is_changed = false;
		for (size_t i = 0; i < supervisor->count; i++) {
			is_changed = advance_unit(supervisor->units[i]) || is_changed;
			if (supervisor->units[i]->component.state == COMPONENT_UNINSTALLED)
				take_out(supervisor, i--);
		}
	}
	return true;
}

void supervisor_look(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++) {
		struct unit *unit = supervisor->units[i];

		if (unit->main.script)
			script_look(unit->main.script);
		if (unit->side.script)
			script_look(unit->side.script);
	}
}

/* -- how it stands ------------------------------------------------------------------------------
 */

/* What is needed is no circle (deployments see to it), so this ends. */
bool supervisor_is_blocked(const struct unit *unit)
{
	if (unit->component.state != COMPONENT_INSTALLED || unit->supervisor->is_stopping)
		return false;
	for (size_t i = 0; i < unit->need_count; i++)
		if (unit->needs[i]->component.state == COMPONENT_BROKEN ||
		    supervisor_is_blocked(unit->needs[i]))
			return true;
	return false;
}

bool supervisor_is_over(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (!has_stopped(supervisor->units[i]) &&
		    !supervisor_is_blocked(supervisor->units[i]))
			return false;
	return true;
}

void supervisor_sessions(const struct unit *unit, int64_t sessions[2])
{
	sessions[0] = unit->main.script ? script_pid(unit->main.script) : 0;
	sessions[1] = unit->side.script ? script_pid(unit->side.script) : 0;
}
