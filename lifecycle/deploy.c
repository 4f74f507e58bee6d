/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/deploy.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "lifecycle/console.h"
#include "lifecycle/nucleus.h"

/* -- what is asked for --------------------------------------------------------------------------
 */

static bool add_texts(struct document *document, struct arena *arena, const struct texts *texts,
		      const char *option,
		      bool (*add)(struct document *document, struct arena *arena, const char *text,
				  struct error *err),
		      struct error *err)
{
	for (size_t i = 0; i < texts->count; i++)
		if (!add(document, arena, texts->items[i], err))
			return error_in(err, "%s %s", option, texts->items[i]);
	return true;
}

/* An object, or the name of a file that holds one. */
static bool add_json(struct document *document, struct arena *arena, const char *text,
		     const char *option,
		     bool (*add)(struct document *document, struct arena *arena,
				 const struct json *value, struct error *err),
		     struct error *err)
{
	const struct json *value;
	autobuf struct buf content = { 0 };

	if (!text)
		return true;
	buf_init(&content, DOCUMENT_SIZE_MAX);
	if (text[strspn(text, " \t\r\n")] == '{')
		buf_add_text(&content, text);
	else if (!file_read(AT_FDCWD, text, &content, err))
		return error_in(err, "%s", option);
	return buf_check(&content, option, err) &&
	       json_parse(arena, option, content.data, content.length, &value, err) &&
	       add(document, arena, value, err);
}

bool deploy_document(const struct deploy_options *options, struct arena *arena,
		     struct document *document, struct error *err)
{
	const char **removes;

	if (!document_begin(document, arena, err))
		return false;
	if (options->group)
		document->group = arena_printf(arena, "thinggroup/%s", options->group);
	document->recipe_directory = options->recipe_dir;
	document->artifact_directory = options->artifact_dir;
	document->does_rollback = options->does_rollback;
	removes = arena_array(arena, options->removes.count + 1, sizeof(*removes));
	for (size_t i = 0; i < options->removes.count; i++)
		removes[i] = options->removes.items[i];
	document->removes = removes;
	return add_texts(document, arena, &options->merges, "--merge", document_add_root, err) &&
	       add_texts(document, arena, &options->users, "--runWith", document_add_user, err) &&
	       add_json(document, arena, options->updates, "--update-config", document_add_updates,
			err) &&
	       add_json(document, arena, options->limits, "--systemLimits", document_add_limits,
			err);
}

/* -- the end ------------------------------------------------------------------------------------
 */

static void summarize(const struct nucleus *nucleus)
{
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < nucleus->supervisor.count; i++) {
		const struct unit *unit = nucleus->supervisor.units[i];

		console_say("%s %s: %s%s%s", unit->component.name, unit->service->version,
			    component_state_name(unit->component.state), unit->status ? ", " : "",
			    unit->status ? unit->status : "");
		console_say("  log: %s", nucleus_log(nucleus, &arena, unit->component.name));
	}
}

static bool is_any_broken(const struct nucleus *nucleus)
{
	for (size_t i = 0; i < nucleus->supervisor.count; i++) {
		const struct unit *unit = nucleus->supervisor.units[i];

		if (unit->component.state == COMPONENT_BROKEN || supervisor_is_blocked(unit))
			return true;
	}
	return false;
}

static enum deploy_outcome conclude(const struct nucleus *nucleus)
{
	const struct deployer *deployer = &nucleus->deployer;

	summarize(nucleus);
	if (nucleus->signal != 0 && !deployer->has_succeeded)
		return DEPLOY_INTERRUPTED;
	if (is_any_broken(nucleus))
		return DEPLOY_BROKEN;
	return deployer->has_succeeded ? DEPLOY_DONE : DEPLOY_BROKEN;
}

static bool run(struct nucleus *nucleus, const struct deploy_options *options,
		const struct document *document, enum deploy_outcome *outcome, struct error *err)
{
	if (!nucleus_open(nucleus,
			  &(struct nucleus_options){ .root = options->root,
						     .config = options->config,
						     .is_foreground = true },
			  err) ||
	    !deployer_queue(&nucleus->deployer, document, err) || !nucleus_run(nucleus, err))
		return false;
	if (nucleus->signal == 0 && nucleus->deployer.has_ended &&
	    !nucleus->deployer.has_succeeded && nucleus->deployer.is_unchanged) {
		*err = nucleus->deployer.failure;
		return false;
	}
	*outcome = conclude(nucleus);
	deployer_interrupt(&nucleus->deployer);
	return true;
}

bool deploy_run(const struct deploy_options *options, const struct document *document,
		enum deploy_outcome *outcome, int *signal, struct error *err)
{
	struct nucleus *nucleus = mem_alloc(sizeof(*nucleus));
	bool is_good = run(nucleus, options, document, outcome, err);

	if (!is_good) /* the terminal may be closed when somebody asks */
		nucleus_note_failure(nucleus, err);
	*signal = nucleus->signal;
	nucleus_close(nucleus);
	free(nucleus);
	return is_good;
}
