/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/bootstrap.h"

#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "lifecycle/activation.h"
#include "lifecycle/deployrecord.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/processes.h"
#include "lifecycle/unitstep.h"

enum bootstrap_code {
	BOOTSTRAP_DONE = 0,
	BOOTSTRAP_RESTART = 100,
	BOOTSTRAP_REBOOT = 101,
};

/* -- which of them ------------------------------------------------------------------------------
 */

static bool is_same_script(const struct service *before, const struct service *after)
{
	const char *old = before->steps[STEP_BOOTSTRAP].script;

	return old && strcmp(old, after->steps[STEP_BOOTSTRAP].script) == 0;
}

static bool is_due(struct deployer *deployer, const struct service *service)
{
	const struct unit *unit = supervisor_find(&deployer->nucleus->supervisor, service->name);

	if (!service->steps[STEP_BOOTSTRAP].script ||
	    texts_has(&deployer->bootstrapped, service->name))
		return false;
	return !unit || strcmp(unit->service->version, service->version) != 0 ||
	       !is_same_script(unit->service, service);
}

bool bootstrap_note_redo(struct deployer *deployer, struct error *err)
{
	for (size_t i = 0; i < deployer->bootstrapped.count; i++) {
		const char *name = deployer->bootstrapped.items[i];
		struct service *before;

		if (!activation_read(deployer, name, &before, err)) {
			if (err->kind == ERROR_NOT_FOUND)
				continue; /* the failed deployment was to bring it */
			return false;
		}
		if (before->steps[STEP_BOOTSTRAP].script &&
		    before->steps[STEP_BOOTSTRAP].is_for_rollback)
			texts_add(&deployer->redo, name);
		service_free(before);
	}
	return true;
}

/* -- one script ---------------------------------------------------------------------------------
 */

static void reboot_device(struct deployer *deployer)
{
	static const char *const argv[] = { "shutdown", "-r", "now", NULL };
	struct proc proc;
	struct error err;
	int status;

	nucleus_say(deployer->nucleus, "A bootstrap script asks for a reboot of the device.");
	if (!proc_spawn(&(struct proc_options){ .argv = argv }, &proc, &err) ||
	    !proc_wait(&proc, &status, &err))
		log_error("cannot reboot the device: %s", err.text);
}

static void on_gone(void *context)
{
	struct unit_script *place = context;
	struct nucleus *nucleus = place->unit->supervisor->options.context;
	struct deployer *deployer = &nucleus->deployer;

	supervisor_free_unit(deployer->bootstrap);
	deployer->bootstrap = NULL;
	deployer->is_waiting = false;
	if (deployer->bootstrap_code == BOOTSTRAP_REBOOT)
		reboot_device(deployer);
	if (deployer->bootstrap_code == BOOTSTRAP_RESTART ||
	    deployer->bootstrap_code == BOOTSTRAP_REBOOT)
		(void)nucleus_restart(nucleus, "A bootstrap script");
}

static void drop_first(struct texts *texts)
{
	if (texts->count > 0)
		memmove(texts->items, texts->items + 1, --texts->count * sizeof(*texts->items));
}

static bool is_good(int code)
{
	return code == BOOTSTRAP_DONE || code == BOOTSTRAP_RESTART || code == BOOTSTRAP_REBOOT;
}

/* One that has failed is not noted on the disk: a nucleus that ends before it says so tries again.
 */
static void note_run(struct deployer *deployer, const char *name, int code)
{
	struct error err;

	if (deployer->phase == DEPLOYER_ROLLBACK)
		drop_first(&deployer->redo);
	else
		texts_add(&deployer->bootstrapped, arena_strdup(&deployer->arena, name));
	if (is_good(code) && !deployrecord_save(deployer, &err))
		log_error("%s", err.text);
}

static void on_end(void *context, const struct script_result *result)
{
	struct unit_script *place = context;
	struct nucleus *nucleus = place->unit->supervisor->options.context;
	struct deployer *deployer = &nucleus->deployer;
	const char *name = place->unit->service->name;
	int code = result->is_timeout ? -1 : result->code;

	journal_note(&place->unit->journal, code == 0 ? LOGLINE_INFO : LOGLINE_ERROR, "NEW",
		     "the bootstrap script %s. exitCode=%d",
		     result->is_timeout ? "took too long" : "has ended", result->code);
	note_run(deployer, name, code);
	if (result->is_timeout)
		error_set(&deployer->bootstrap_failure, ERROR_SYSTEM,
			  "%s: the bootstrap script took too long", name);
	else if (!is_good(code))
		error_set(&deployer->bootstrap_failure, ERROR_SYSTEM,
			  "%s: the bootstrap script exited with code %d", name, code);
	deployer->has_bootstrap_failed = *deployer->bootstrap_failure.text != '\0';
	deployer->bootstrap_code = code;
	script_stop(place->script, on_gone);
}

/* Takes the service over. */
static bool start(struct deployer *deployer, struct service *service, struct error *err)
{
	struct supervisor *supervisor = &deployer->nucleus->supervisor;

	nucleus_say(deployer->nucleus, "%s: bootstrap", service->name);
	if (!supervisor_make_unit(supervisor, service, &deployer->bootstrap, err)) {
		service_free(service);
		return false;
	}
	if (!unitstep_start(&deployer->bootstrap->side, STEP_BOOTSTRAP, on_end, err)) {
		supervisor_free_unit(deployer->bootstrap);
		deployer->bootstrap = NULL;
		return false;
	}
	deployer->is_waiting = true;
	return true;
}

/* Fails as the last script has, if it has. */
static bool take_failure(struct deployer *deployer, struct error *err)
{
	if (!deployer->has_bootstrap_failed)
		return true;
	*err = deployer->bootstrap_failure;
	deployer->bootstrap_failure = (struct error){ 0 };
	deployer->has_bootstrap_failed = false;
	return false;
}

bool bootstrap_next_redo(struct deployer *deployer, bool *is_done, struct error *err)
{
	struct service *service;

	*is_done = deployer->redo.count == 0;
	if (!take_failure(deployer, err))
		return false;
	if (*is_done)
		return true;
	return activation_read(deployer, deployer->redo.items[0], &service, err) &&
	       start(deployer, service, err);
}

bool bootstrap_next(struct deployer *deployer, bool *is_done, struct error *err)
{
	*is_done = false;
	if (!take_failure(deployer, err))
		return false;
	for (size_t i = 0; i < deployer->plan.count; i++) {
		const struct plan_component *planned = &deployer->plan.components[i];
		struct service *service;

		if (!service_read(&service, planned->recipe->name, planned->tree, err))
			return false;
		if (is_due(deployer, service))
			return start(deployer, service, err);
		service_free(service);
	}
	*is_done = true;
	return true;
}

void bootstrap_look(struct deployer *deployer)
{
	if (deployer->bootstrap && deployer->bootstrap->side.script)
		script_look(deployer->bootstrap->side.script);
}

void bootstrap_abandon(struct deployer *deployer)
{
	if (!deployer->bootstrap)
		return;
	if (deployer->bootstrap->side.script)
		processes_signal(script_pid(deployer->bootstrap->side.script), SIGKILL);
	supervisor_free_unit(deployer->bootstrap);
	deployer->bootstrap = NULL;
	deployer->is_waiting = false;
}
