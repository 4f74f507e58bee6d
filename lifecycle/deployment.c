/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/deployment.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "lifecycle/artifact.h"
#include "lifecycle/console.h"
#include "lifecycle/supervisor.h"

/* -- the ledger ---------------------------------------------------------------------------------
 */

/* What an earlier nucleus ran does not run under this one, whatever that nucleus wrote last. */
static void settle_old(struct ledger_component *component)
{
	if (strcmp(component->state, component_state_name(COMPONENT_FINISHED)) != 0 &&
	    strcmp(component->state, component_state_name(COMPONENT_BROKEN)) != 0)
		component->state = component_state_name(COMPONENT_NEW);
	component->sessions[0] = component->sessions[1] = 0;
}

bool deployment_write_plan(struct deployment *deployment, struct error *err)
{
	struct ledger *ledger = &deployment->ledger;

	/* A copy: what was before must be at hand if this fails. */
	for (size_t i = 0; i < deployment->before.count; i++) {
		const struct ledger_component *old = &deployment->before.components[i];

		*ledger_add(ledger, &deployment->arena, old->name) = *old;
		settle_old(ledger_find(ledger, old->name));
	}
	for (size_t i = 0; i < deployment->plan.count; i++) {
		const struct plan_component *planned = &deployment->plan.components[i];
		struct ledger_component *component =
			ledger_add(ledger, &deployment->arena, planned->recipe->name);

		component->version = planned->recipe->version_text;
		component->state = component_state_name(COMPONENT_NEW);
		component->status = NULL;
		component->is_root = component->is_root || planned->is_root;
	}
	return ledger_begin(ledger, &deployment->arena, err) &&
	       ledger_write(ledger, deployment->root, err);
}

/* A ledger that cannot be written (disk full) must not stop what runs. */
static void save(struct deployment *deployment)
{
	struct error err;

	if (!ledger_write(&deployment->ledger, deployment->root, &err))
		log_warning("%s", err.text);
}

/* True if the ledger was behind. */
static bool note_unit(struct deployment *deployment, const struct unit *unit)
{
	struct ledger_component *component = ledger_find(&deployment->ledger, unit->component.name);

	if (!component)
		return false;

	struct ledger_component before = *component;

	component->state = component_state_name(unit->component.state);
	component->status = unit->status;
	component->exit_code = unit->exit_code;
	supervisor_sessions(unit, component->sessions);
	return component->state != before.state || component->status != before.status ||
	       component->exit_code != before.exit_code ||
	       memcmp(component->sessions, before.sessions, sizeof(before.sessions)) != 0;
}

/* -- what happens -------------------------------------------------------------------------------
 */

struct run {
	struct deployment *deployment;
	const struct texts *removes;
	struct supervisor supervisor;
	struct loop loop;
	struct loop_watch stops;
	struct loop_watch children;
	bool has_succeeded;
	int signal; /* that asked to stop, or 0 */
};

static void on_change(void *context, const struct unit *unit, const char *text)
{
	(void)context;
	console_say("%s: %s", unit->component.name, text);
}

static void on_line(void *context, const struct unit *unit, enum script_stream stream,
		    const char *line)
{
	(void)context;
	console_line(unit->component.name, stream, line);
}

static void on_stop(struct loop_watch *watch)
{
	struct run *run = watch->context;
	int signal = loop_next_signal(watch->fd);

	if (signal == 0 || run->signal != 0)
		return;
	run->signal = signal;
	console_say("Stopping the components.");
	supervisor_stop(&run->supervisor);
}

static void on_child(struct loop_watch *watch)
{
	struct run *run = watch->context;

	while (loop_next_signal(watch->fd) != 0)
		;
	supervisor_look(&run->supervisor);
}

static void remove_components(struct run *run)
{
	struct deployment *deployment = run->deployment;
	struct error err;

	for (size_t i = 0; i < run->removes->count; i++) {
		const char *name = run->removes->items[i];

		ledger_remove(&deployment->ledger, name);
		if (!catalog_forget(name, deployment->root, &err) ||
		    !artifact_forget(deployment->root, name, &err))
			log_warning("%s: %s", name, err.text);
		else
			console_say("%s: removed", name);
	}
}

/* When all have come up for the first time, the deployment has succeeded, as Greengrass has it;
 * what breaks later is a matter of the component. */
static void check_success(struct run *run)
{
	if (run->has_succeeded || run->signal != 0 || !supervisor_has_succeeded(&run->supervisor))
		return;
	run->has_succeeded = true;
	remove_components(run);
	run->deployment->ledger.status = LEDGER_SUCCEEDED;
	save(run->deployment);
}

static void follow(struct run *run)
{
	bool is_behind = false;

	for (size_t i = 0; i < run->supervisor.count; i++)
		is_behind = note_unit(run->deployment, &run->supervisor.units[i]) || is_behind;
	if (is_behind)
		save(run->deployment);
}

static bool run_to_the_end(struct run *run, struct error *err)
{
	for (;;) {
		if (!supervisor_advance(&run->supervisor, err))
			return false;
		check_success(run);
		follow(run);
		if (supervisor_is_over(&run->supervisor))
			return true;
		if (!loop_step(&run->loop, err))
			return false;
	}
}

/* -- the end ------------------------------------------------------------------------------------
 */

static void summarize(const struct run *run)
{
	for (size_t i = 0; i < run->supervisor.count; i++) {
		const struct unit *unit = &run->supervisor.units[i];

		console_say("%s %s: %s%s%s", unit->component.name, unit->plan->recipe->version_text,
			    component_state_name(unit->component.state), unit->status ? ", " : "",
			    unit->status ? unit->status : "");
		console_say("  log: %s/%s.log", run->deployment->logs, unit->component.name);
	}
}

static enum deploy_outcome conclude(struct run *run)
{
	struct ledger *ledger = &run->deployment->ledger;
	enum deploy_outcome outcome = DEPLOY_DONE;

	if (!run->has_succeeded || !supervisor_has_succeeded(&run->supervisor))
		outcome = run->signal != 0 && !run->has_succeeded ? DEPLOY_INTERRUPTED
								  : DEPLOY_BROKEN;
	ledger->status = outcome == DEPLOY_DONE ? LEDGER_SUCCEEDED : LEDGER_FAILED;
	if (outcome == DEPLOY_BROKEN)
		ledger->reason = "a component is BROKEN";
	else if (outcome == DEPLOY_INTERRUPTED)
		ledger->reason = "it was interrupted";
	save(run->deployment);
	summarize(run);
	return outcome;
}

static bool open_supervisor(struct run *run, struct error *err)
{
	struct deployment *deployment = run->deployment;
	struct supervisor_options options = { .root = deployment->root,
					      .logs = deployment->logs,
					      .bin = deployment->bin,
					      .deployment = deployment->ledger.deployment,
					      .settings = &deployment->settings,
					      .account = deployment->account,
					      .on_change = on_change,
					      .on_line = on_line,
					      .context = run };

	return supervisor_open(&run->supervisor, &run->loop, &options, &deployment->plan, err);
}

bool deployment_supervise(struct deployment *deployment, const struct texts *removes,
			  enum deploy_outcome *outcome, int *signal, struct error *err)
{
	struct run run = { .deployment = deployment, .removes = removes };
	bool is_good;

	run.stops = (struct loop_watch){ .fd = deployment->stop_fd,
					 .on_ready = on_stop,
					 .context = &run };
	run.children = (struct loop_watch){ .fd = deployment->child_fd,
					    .on_ready = on_child,
					    .context = &run };
	loop_watch(&run.loop, &run.stops);
	loop_watch(&run.loop, &run.children);
	is_good = open_supervisor(&run, err) && run_to_the_end(&run, err);
	if (is_good)
		*outcome = conclude(&run);
	*signal = run.signal;
	supervisor_close(&run.supervisor);
	loop_done(&run.loop);
	return is_good;
}
