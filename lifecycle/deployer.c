/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/deployer.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "lifecycle/activation.h"
#include "lifecycle/bootstrap.h"
#include "lifecycle/deployrecord.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/nucleusconfig.h"
#include "lifecycle/preparing.h"
#include "lifecycle/validation.h"

#define RECORD_AGAIN_MS 1000 /* when the disk is full */

/* -- the end ------------------------------------------------------------------------------------
 */

static void forget(struct deployer *deployer)
{
	catalog_done(&deployer->catalog);
	texts_done(&deployer->bootstrapped);
	texts_done(&deployer->redo);
	texts_done(&deployer->judges);
	deployer->warning_count = 0;
	deployer->deadline = 0;
	deployer->rejection = NULL;
	deployer->plan = (struct plan){ 0 };
	deployer->document = (struct document){ 0 };
	arena_done(&deployer->arena);
	deployer->arena = (struct arena){ 0 };
	deployer->unrecorded = NULL;
	deployer->is_cancelled = deployer->is_late = deployer->has_asked = false;
}

static void end(struct deployer *deployer, const char *status, const char *detail)
{
	deployer->phase = DEPLOYER_IDLE;
	deployer->has_ended = true;
	deployer->is_unchanged = strcmp(detail, "FAILED_NO_STATE_CHANGE") == 0;
	/* In the foreground the command ends then, with the reason as its last word. */
	bool has_reason = !deployer->has_succeeded &&
			  !(deployer->nucleus->options.is_foreground && deployer->is_unchanged);
	nucleus_say(deployer->nucleus, "Deployment %s: %s, %s%s%s", deployer->document.id, status,
		    detail, has_reason ? ": " : "", has_reason ? deployer->failure.text : "");
	forget(deployer);
	malloc_trim(0); /* a nucleus lies idle for weeks with what a deployment took for moments */
}

/* What is not written down would be begun again by the next nucleus, long after others. So nothing
 * else is begun before there is room for it; who waits in front of a terminal is not kept. */
static void record_failure(struct deployer *deployer)
{
	struct nucleus *nucleus = deployer->nucleus;
	const char *status = deployer->is_cancelled ? "CANCELED" : "FAILED";
	struct error err;
	bool is_good = deployrecord_save_end(deployer, status, deployer->unrecorded, &err);

	if (!is_good && !nucleus->options.is_foreground) {
		if (!deployer->is_late)
			nucleus_say(
				nucleus,
				"Deployment %s has failed, which cannot be written down yet: %s",
				deployer->document.id, err.text);
		deployer->is_late = true;
		loop_arm(&nucleus->loop, &deployer->timer, RECORD_AGAIN_MS);
		return;
	}
	if (!is_good)
		log_error("%s", err.text);
	end(deployer, status, deployer->unrecorded);
}

static void fail_for_good(struct deployer *deployer, const char *detail)
{
	deployer->has_succeeded = false;
	deployer->unrecorded = detail;
	record_failure(deployer);
}

/* -- what both ways have in common --------------------------------------------------------------
 */

/* A new configuration is in force. Where the nucleus has to begin anew for it, the next one does
 * the rest. */
static bool apply(struct deployer *deployer, struct error *err)
{
	struct nucleus *nucleus = deployer->nucleus;
	bool needs_restart;

	if (!nucleusconfig_reread(nucleus, &needs_restart, err))
		return false;
	if (needs_restart &&
	    nucleus_restart(nucleus, "The nucleus' configuration (connection to AWS)"))
		return true;
	return activation_apply(deployer, err);
}

/* -- taking it back -----------------------------------------------------------------------------
 */

static bool enter_phase(struct deployer *deployer, enum deployer_phase phase, struct error *err)
{
	deployer->phase = phase;
	return deployrecord_save(deployer, err);
}

static bool restore(struct deployer *deployer, struct error *err)
{
	struct configstore *config = &deployer->nucleus->config;

	deployer->phase = DEPLOYER_ROLLBACK;
	if (!configstore_begin(config, err))
		return false;
	if (!configstore_restore(config, err) || !bootstrap_note_redo(deployer, err) ||
	    !deployrecord_save(deployer, err)) {
		configstore_abandon(config);
		return false;
	}
	if (!configstore_end(config, err))
		return false;
	deployer->is_going_back = deployer->redo.count == 0;
	return !deployer->is_going_back || apply(deployer, err);
}

/* Only bootstrap scripts have run. */
static bool restore_bootstrap(struct deployer *deployer, struct error *err)
{
	if (!bootstrap_note_redo(deployer, err))
		return false;
	deployer->is_going_back = false;
	if (deployer->redo.count > 0)
		return enter_phase(deployer, DEPLOYER_ROLLBACK, err);
	fail_for_good(deployer, "FAILED_ROLLBACK_COMPLETE");
	return true;
}

/* Without what a bootstrap script has failed to do the old components may not work: they run all
 * the same, but the deployment is not as it was. */
static bool go_back(struct deployer *deployer, struct error *err)
{
	bool is_done;
	struct error why;

	if (bootstrap_next_redo(deployer, &is_done, err)) {
		deployer->is_going_back = is_done;
		return !is_done || apply(deployer, err);
	}
	why = *err;
	texts_done(&deployer->redo);
	deployer->is_going_back = true;
	if (!apply(deployer, err))
		log_error("%s", err->text);
	*err = why;
	return false;
}

/* What the policy says of a failure in the present phase. */
static void fail(struct deployer *deployer, const struct error *why)
{
	bool is_untouched;
	struct error err;

	loop_disarm(&deployer->nucleus->loop, &deployer->timer);
	if (deployer->phase == DEPLOYER_ROLLBACK) {
		nucleus_say(deployer->nucleus, "Deployment %s cannot be taken back: %s",
			    deployer->document.id, why->text);
		fail_for_good(deployer, "FAILED_UNABLE_TO_ROLLBACK");
		return;
	}
	deployer->failure = *why;
	is_untouched = deployer->phase < DEPLOYER_ACTIVATE;
	if (is_untouched && deployer->bootstrapped.count == 0) {
		fail_for_good(deployer, "FAILED_NO_STATE_CHANGE");
	} else if (!deployer->document.does_rollback) {
		fail_for_good(deployer, "FAILED_ROLLBACK_NOT_REQUESTED");
	} else {
		nucleus_say(deployer->nucleus, "Deployment %s is taken back: %s",
			    deployer->document.id, why->text);
		if (!(is_untouched ? restore_bootstrap : restore)(deployer, &err)) {
			log_error("%s", err.text);
			fail_for_good(deployer, "FAILED_UNABLE_TO_ROLLBACK");
		}
	}
}

/* -- phases -------------------------------------------------------------------------------------
 */

static bool say_cancelled(struct error *err)
{
	return error_set(err, ERROR_SYSTEM, "it was cancelled");
}

static void on_fetched(void *context, bool is_good, const struct error *err)
{
	struct deployer *deployer = context;
	struct error why;

	deployer->is_waiting = false;
	if (deployer->is_cancelled) {
		say_cancelled(&why);
		fail(deployer, &why);
	} else if (!is_good) {
		fail(deployer, err);
	} else if (!enter_phase(deployer, DEPLOYER_VALIDATE, &why)) {
		fail(deployer, &why);
	}
}

static bool prepare(struct deployer *deployer, struct error *err)
{
	deployer->background.on_done = on_fetched;
	if (deployer->plan.count == 0 && !preparing_plan(deployer, err))
		return false;
	if (deployer->is_cancelled)
		return say_cancelled(err);
	if (!preparing_has_credentials(deployer))
		return true;
	if (!background_start(&deployer->background, deployer->nucleus->stop_fd, preparing_fetch,
			      err))
		return false;
	deployer->is_waiting = true;
	return true;
}

static bool validate(struct deployer *deployer, struct error *err)
{
	bool is_done;

	if (!validation_next(deployer, &is_done, err))
		return false;
	return !is_done || enter_phase(deployer, DEPLOYER_BOOTSTRAP, err);
}

static bool activate(struct deployer *deployer, struct error *err)
{
	struct configstore *config = &deployer->nucleus->config;

	if (!configstore_begin(config, err))
		return false;
	if (!activation_merge(deployer, err) || !nucleusconfig_check(deployer->nucleus, err) ||
	    !enter_phase(deployer, DEPLOYER_ACTIVATE, err)) {
		deployer->phase = DEPLOYER_BOOTSTRAP;
		configstore_abandon(config);
		return false;
	}
	if (!configstore_end(config, err)) {
		deployer->phase = DEPLOYER_BOOTSTRAP;
		return false;
	}
	return apply(deployer, err);
}

static bool bootstrap(struct deployer *deployer, struct error *err)
{
	bool is_done;

	if (!bootstrap_next(deployer, &is_done, err))
		return false;
	return !is_done || activate(deployer, err);
}

static void on_timer(struct loop_timer *timer)
{
	(void)timer; /* the loop's step is over: deployer_advance looks */
}

/* True if all is up. */
static bool look(struct deployer *deployer, bool *is_up, struct error *err)
{
	int64_t again;
	enum activation_outcome outcome = activation_look(deployer, &again, err);

	*is_up = outcome == ACTIVATION_DONE;
	if (outcome == ACTIVATION_FAILED)
		return false;
	if (again > 0)
		loop_arm(&deployer->nucleus->loop, &deployer->timer, again);
	return true;
}

static bool wait_until_up(struct deployer *deployer, struct error *err)
{
	bool is_up;

	if (!look(deployer, &is_up, err))
		return false;
	if (!is_up)
		return true;
	if (!enter_phase(deployer, DEPLOYER_CLEAN, err))
		return false;
	activation_remove(deployer);
	return true;
}

static bool wait_until_back(struct deployer *deployer, struct error *err)
{
	bool is_up;

	if (!deployer->is_going_back && !go_back(deployer, err))
		return false;
	if (!deployer->is_going_back || deployer->nucleus->supervisor.is_stopping)
		return true;
	if (!look(deployer, &is_up, err))
		return false;
	if (is_up && activation_count_leaving(deployer) == 0)
		fail_for_good(deployer, "FAILED_ROLLBACK_COMPLETE");
	return true;
}

static void on_swept(void *context, bool is_good, const struct error *err)
{
	(void)context;
	if (!is_good)
		log_warning("files of old versions stay: %s", err->text);
}

static void sweep(struct deployer *deployer)
{
	struct error err;

	deployer->sweeping.on_done = on_swept;
	if (deployer->sweeping.pid <= 0 &&
	    !background_start(&deployer->sweeping, deployer->nucleus->stop_fd, preparing_sweep,
			      &err))
		on_swept(deployer, false, &err);
}

static bool clean(struct deployer *deployer, struct error *err)
{
	struct configstore *config = &deployer->nucleus->config;

	if (activation_count_leaving(deployer) > 0)
		return true;
	if (!configstore_begin(config, err))
		return false;
	deployer->has_succeeded = true;
	activation_forget(deployer);
	if (!deployrecord_save_end(deployer, "SUCCEEDED", "SUCCESSFUL", err)) {
		configstore_abandon(config);
		return false;
	}
	if (!configstore_end(config, err))
		return false;
	sweep(deployer);
	end(deployer, "SUCCEEDED", "SUCCESSFUL");
	return true;
}

/* -- the queue ----------------------------------------------------------------------------------
 */

static bool take_row(struct deployer *deployer, const struct statedb_deployment *row,
		     struct error *err)
{
	deployer->has_ended = deployer->has_succeeded = false;
	deployer->phase = deployrecord_phase(row->phase);
	if (!document_read(&deployer->document, &deployer->arena, row->document, err)) {
		deployer->document.id = arena_strdup(&deployer->arena, row->id);
		return false;
	}
	return deployrecord_read_progress(deployer, row->progress, err);
}

static bool begin_next(struct deployer *deployer, bool *is_begun, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct statedb_deployment *rows;
	size_t count;

	*is_begun = false;
	if (!statedb_list_deployments(deployer->nucleus->db, &arena, &rows, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].status, "QUEUED") != 0)
			continue;
		if (deployer->sweeping.pid > 0) {
			/* It may wait for an image to fall out of use; the sweep after this
			 * deployment does what it leaves. */
			background_stop(&deployer->sweeping);
			return true;
		}
		*is_begun = true;
		return take_row(deployer, &rows[i], err) && deployrecord_save(deployer, err);
	}
	deployer->is_queue_empty = true;
	return true;
}

/* A later phase needs the plan again, but not the files: they are there. */
static bool resume(struct deployer *deployer, const struct statedb_deployment *row,
		   struct error *err)
{
	if (!take_row(deployer, row, err))
		return false;
	nucleus_say(deployer->nucleus, "Deployment %s goes on.", row->id);
	deployer->is_going_back = deployer->phase == DEPLOYER_ROLLBACK && deployer->redo.count == 0;
	if (deployer->phase == DEPLOYER_VALIDATE || deployer->phase == DEPLOYER_BOOTSTRAP) {
		deployer->document.recipe_directory = NULL;
		return preparing_plan(deployer, err);
	}
	return true;
}

static void give_up(struct deployer *deployer, const struct statedb_deployment *row)
{
	struct statedb_deployment changed = { .id = row->id,
					      .status = "FAILED",
					      .result = "{\"detail\":\"FAILED_NO_STATE_CHANGE\","
							"\"cause\":\"it was interrupted\"}" };
	struct error err;

	nucleus_say(deployer->nucleus, "Deployment %s was interrupted; this one takes its place.",
		    row->id);
	if (!statedb_update_deployment(deployer->nucleus->db, &changed, &err))
		log_error("%s", err.text);
}

bool deployer_open(struct deployer *deployer, struct nucleus *nucleus, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct statedb_deployment *rows;
	size_t count;

	*deployer = (struct deployer){ .nucleus = nucleus };
	deployer->timer.on_expiry = on_timer;
	deployer->background =
		(struct background){ .loop = &nucleus->loop, .watch.fd = -1, .context = deployer };
	deployer->sweeping = deployer->background;
	if (!statedb_list_deployments(nucleus->db, &arena, &rows, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].status, "IN_PROGRESS") != 0)
			continue;
		if (nucleus->options.is_foreground)
			give_up(deployer, &rows[i]);
		else if (!resume(deployer, &rows[i], err))
			fail(deployer, err);
	}
	return true;
}

void deployer_close(struct deployer *deployer)
{
	background_abandon(&deployer->background);
	background_abandon(&deployer->sweeping);
	bootstrap_abandon(deployer);
	texts_done(&deployer->scope);
	forget(deployer);
}

bool deployer_start_all(struct deployer *deployer, struct error *err)
{
	if (deployer->phase == DEPLOYER_ROLLBACK && !deployer->is_going_back)
		return true; /* bootstrap scripts come first */
	if (!activation_apply(deployer, err))
		return false;
	if (deployer->phase == DEPLOYER_CLEAN)
		activation_remove(deployer);
	return true;
}

bool deployer_queue(struct deployer *deployer, const struct document *document, struct error *err)
{
	autobuf struct buf text = { 0 };
	struct statedb_deployment row = { .id = document->id,
					  .created = document->created,
					  .status = "QUEUED" };

	buf_init(&text, DOCUMENT_SIZE_MAX);
	document_write(document, &text);
	if (!buf_check(&text, "the deployment", err))
		return false;
	row.document = text.data;
	deployer->is_queue_empty = false;
	return statedb_add_deployment(deployer->nucleus->db, &row, err);
}

static bool cancel_queued(struct deployer *deployer, const struct statedb_deployment *row,
			  struct error *err)
{
	struct statedb_deployment changed = { .id = row->id,
					      .status = "CANCELED",
					      .result = "{\"detail\":\"REJECTED\"}" };

	if (strcmp(row->status, "QUEUED") != 0)
		return error_set(err, ERROR_INPUT, "deployment %s is over: %s", row->id,
				 row->status);
	return statedb_update_deployment(deployer->nucleus->db, &changed, err);
}

bool deployer_cancel(struct deployer *deployer, const char *id, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct statedb_deployment *rows;
	size_t count;

	if (deployer->phase != DEPLOYER_IDLE && strcmp(deployer->document.id, id) == 0) {
		if (deployer->phase != DEPLOYER_PREPARE)
			return error_set(err, ERROR_INPUT,
					 "deployment %s has begun to change components", id);
		deployer->is_cancelled = true;
		background_stop(&deployer->background);
		return true;
	}
	if (!statedb_list_deployments(deployer->nucleus->db, &arena, &rows, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].id, id) == 0)
			return cancel_queued(deployer, &rows[i], err);
	return error_set(err, ERROR_NOT_FOUND, "there is no deployment %s", id);
}

/* Who ends what is up ends no failure, though it was up for less than a second. */
static void hurry(struct deployer *deployer)
{
	struct error err;

	deployer->is_hurried = true;
	if (!deployer_advance(deployer, &err))
		log_error("%s", err.text);
}

void deployer_stop(struct deployer *deployer)
{
	if (deployer->nucleus->options.is_foreground && deployer->phase == DEPLOYER_ACTIVATE)
		hurry(deployer);
	background_stop(&deployer->background);
	background_stop(&deployer->sweeping);
	bootstrap_abandon(deployer);
}

void deployer_interrupt(struct deployer *deployer)
{
	if (deployer->phase == DEPLOYER_IDLE)
		return;
	error_set(&deployer->failure, ERROR_SYSTEM, "it was interrupted");
	fail_for_good(deployer, deployer->phase < DEPLOYER_ACTIVATE
					? "FAILED_NO_STATE_CHANGE"
					: "FAILED_ROLLBACK_NOT_REQUESTED");
}

/* -- what to do now -----------------------------------------------------------------------------
 */

static bool run_phase(struct deployer *deployer, struct error *err)
{
	static bool (*const phases[DEPLOYER_PHASES])(struct deployer *, struct error *) = {
		[DEPLOYER_PREPARE] = prepare,          [DEPLOYER_VALIDATE] = validate,
		[DEPLOYER_BOOTSTRAP] = bootstrap,      [DEPLOYER_ACTIVATE] = wait_until_up,
		[DEPLOYER_ROLLBACK] = wait_until_back, [DEPLOYER_CLEAN] = clean,
	};

	return phases[deployer->phase](deployer, err);
}

bool deployer_advance(struct deployer *deployer, struct error *err)
{
	while (!deployer->is_waiting && !deployer->nucleus->supervisor.is_stopping) {
		enum deployer_phase before = deployer->phase;
		bool is_begun = true;
		struct error why;

		if (deployer->unrecorded) {
			record_failure(deployer);
			if (deployer->unrecorded)
				return true;
			continue;
		}
		if (before == DEPLOYER_IDLE) {
			if (deployer->is_queue_empty)
				return true;
			if (!begin_next(deployer, &is_begun, err)) {
				if (!is_begun)
					return false;
				fail(deployer, err);
			} else if (!is_begun) {
				return true;
			}
			continue;
		}
		if (!run_phase(deployer, &why))
			fail(deployer, &why);
		if (deployer->phase == before)
			return true; /* until something happens */
	}
	return true;
}
