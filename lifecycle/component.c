/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/component.h"

#include <string.h>

/* An empty cell would read as NEW, so a state is stored as itself plus one: 0 is illegal. */
#define TO(state) ((enum component_state)(COMPONENT_##state + 1))

static const unsigned char next[COMPONENT_STATES][COMPONENT_EVENTS] = {
	[COMPONENT_NEW] = {
		[COMPONENT_INSTALL_DONE] = TO(INSTALLED),
		[COMPONENT_FAIL] = TO(ERRORED),
		[COMPONENT_STOP] = TO(STOPPING),
	},
	[COMPONENT_INSTALLED] = {
		[COMPONENT_START] = TO(STARTING),
		[COMPONENT_REINSTALL] = TO(NEW),
		[COMPONENT_STOP] = TO(STOPPING),
	},
	[COMPONENT_STARTING] = {
		[COMPONENT_STARTED] = TO(RUNNING),
		[COMPONENT_NOTHING] = TO(FINISHED),
		[COMPONENT_FAIL] = TO(ERRORED),
		[COMPONENT_STOP] = TO(STOPPING),
	},
	[COMPONENT_RUNNING] = {
		[COMPONENT_ENDED] = TO(STOPPING),
		[COMPONENT_FAIL] = TO(ERRORED),
		[COMPONENT_STOP] = TO(STOPPING),
	},
	[COMPONENT_STOPPING] = {
		[COMPONENT_STOPPED] = TO(FINISHED),
		[COMPONENT_RESTART] = TO(INSTALLED),
		[COMPONENT_REINSTALL] = TO(NEW),
		[COMPONENT_FAIL] = TO(ERRORED),
	},
	[COMPONENT_ERRORED] = {
		[COMPONENT_REINSTALL] = TO(NEW),
		[COMPONENT_RECOVER] = TO(STOPPING),
		[COMPONENT_GIVE_UP] = TO(BROKEN),
		[COMPONENT_STOP] = TO(STOPPING),
		[COMPONENT_STOPPED] = TO(FINISHED),
		[COMPONENT_RESTART] = TO(INSTALLED),
	},
	[COMPONENT_BROKEN] = {
		[COMPONENT_REINSTALL] = TO(NEW),
		[COMPONENT_REMOVE] = TO(UNINSTALLING),
	},
	[COMPONENT_FINISHED] = {
		[COMPONENT_RESTART] = TO(INSTALLED),
		[COMPONENT_REINSTALL] = TO(NEW),
		[COMPONENT_REMOVE] = TO(UNINSTALLING),
	},
	[COMPONENT_UNINSTALLING] = {
		[COMPONENT_REMOVED] = TO(UNINSTALLED),
	},
};

static const char *const state_names[COMPONENT_STATES] = {
	[COMPONENT_NEW] = "NEW",
	[COMPONENT_INSTALLED] = "INSTALLED",
	[COMPONENT_STARTING] = "STARTING",
	[COMPONENT_RUNNING] = "RUNNING",
	[COMPONENT_STOPPING] = "STOPPING",
	[COMPONENT_ERRORED] = "ERRORED",
	[COMPONENT_BROKEN] = "BROKEN",
	[COMPONENT_FINISHED] = "FINISHED",
	[COMPONENT_UNINSTALLING] = "UNINSTALLING",
	[COMPONENT_UNINSTALLED] = "UNINSTALLED",
};

static const char *const event_words[COMPONENT_EVENTS] = {
	[COMPONENT_INSTALL_DONE] = "be installed",
	[COMPONENT_START] = "start",
	[COMPONENT_STARTED] = "be running",
	[COMPONENT_NOTHING] = "have nothing to do",
	[COMPONENT_ENDED] = "end",
	[COMPONENT_STOP] = "stop",
	[COMPONENT_STOPPED] = "be stopped",
	[COMPONENT_RESTART] = "start again",
	[COMPONENT_FAIL] = "fail",
	[COMPONENT_REINSTALL] = "be installed again",
	[COMPONENT_RECOVER] = "recover",
	[COMPONENT_GIVE_UP] = "be given up",
	[COMPONENT_REMOVE] = "be removed",
	[COMPONENT_REMOVED] = "be gone",
};

const char *component_state_name(enum component_state state)
{
	return state_names[state];
}

void component_init(struct component *component, const char *name, int64_t error_reset_time)
{
	*component = (struct component){ .name = name, .error_reset_time = error_reset_time };
}

/* An error counts for the state it happened in; leaving that state in another way forgets them. */
static void count_errors(struct component *component, enum component_event event, int64_t now)
{
	struct component_errors *errors = &component->errors[component->state];

	if (event != COMPONENT_FAIL) {
		errors->count = 0;
		return;
	}
	if (errors->count > 0 && now - errors->last >= component->error_reset_time)
		errors->count = 0;
	errors->count++;
	errors->last = now;
	component->failed_state = component->state;
}

bool component_apply(struct component *component, enum component_event event, int64_t now,
		     struct error *err)
{
	unsigned char to = next[component->state][event];

	if (to == 0)
		return error_set(err, ERROR_INPUT, "%s cannot %s while %s", component->name,
				 event_words[event], state_names[component->state]);
	count_errors(component, event, now);
	if (event == COMPONENT_STARTED)
		component->failed_state = COMPONENT_RUNNING; /* what failed before is forgotten */
	if (component->state == COMPONENT_BROKEN)
		memset(component->errors, 0, sizeof(component->errors)); /* it begins anew */
	component->state = (enum component_state)(to - 1);
	return true;
}

enum component_event component_after_error(const struct component *component)
{
	if (component->errors[component->failed_state].count >= COMPONENT_ERRORS_MAX)
		return COMPONENT_GIVE_UP;
	if (component->failed_state == COMPONENT_NEW)
		return COMPONENT_REINSTALL;
	if (component->failed_state == COMPONENT_STOPPING)
		return COMPONENT_STOPPED;
	return COMPONENT_RECOVER;
}

bool component_is_ready(const struct component *component)
{
	return component->state == COMPONENT_RUNNING || component->state == COMPONENT_FINISHED ||
	       (component->state == COMPONENT_STOPPING &&
		component->failed_state != COMPONENT_STARTING);
}

bool component_is_settled(const struct component *component)
{
	return component->state == COMPONENT_BROKEN || component->state == COMPONENT_FINISHED ||
	       component->state == COMPONENT_UNINSTALLED;
}
