/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/deployrecord.h"

#include <string.h>

#include "base/jsonout.h"
#include "lifecycle/nucleus.h"

#define RESULT_MAX 65536

static const char *const phase_names[DEPLOYER_PHASES] = {
	[DEPLOYER_IDLE] = "",
	[DEPLOYER_PREPARE] = "PREPARE",
	[DEPLOYER_VALIDATE] = "VALIDATE",
	[DEPLOYER_BOOTSTRAP] = "BOOTSTRAP",
	[DEPLOYER_ACTIVATE] = "ACTIVATE",
	[DEPLOYER_ROLLBACK] = "ROLLBACK",
	[DEPLOYER_CLEAN] = "CLEAN",
};

enum deployer_phase deployrecord_phase(const char *name)
{
	for (int i = 0; i < DEPLOYER_PHASES; i++)
		if (*name && strcmp(phase_names[i], name) == 0)
			return (enum deployer_phase)i;
	return DEPLOYER_PREPARE;
}

/* -- while it lasts
 * ---------------------------------------------------------------------------------
 */

/* {"bootstrapped": ["a"], "warnings": ["x"], "redo": ["b"], "failure": "why", "kind": "system"} */
static void write_progress(const struct deployer *deployer, struct buf *text)
{
	struct jsonout out;

	buf_init(text, RESULT_MAX);
	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_texts(&out, "bootstrapped", deployer->bootstrapped.items,
		      deployer->bootstrapped.count);
	jsonout_texts(&out, "warnings", deployer->warnings, deployer->warning_count);
	if (deployer->phase == DEPLOYER_ROLLBACK) {
		jsonout_texts(&out, "redo", deployer->redo.items, deployer->redo.count);
		jsonout_text(&out, "failure", deployer->failure.text);
		jsonout_text(&out, "kind", error_kind_word(deployer->failure.kind));
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
}

bool deployrecord_read_progress(struct deployer *deployer, const char *text, struct error *err)
{
	const struct json *progress;
	const char **names, **redo, **warnings, *failure, *kind;
	size_t count, redo_count, warning_count;

	if (!*text)
		return true;
	if (!json_parse(&deployer->arena, "progress", text, strlen(text), &progress, err) ||
	    !json_text_array(&deployer->arena, progress, "bootstrapped", &names, &count, err) ||
	    !json_text_array(&deployer->arena, progress, "redo", &redo, &redo_count, err) ||
	    !json_text_array(&deployer->arena, progress, "warnings", &warnings, &warning_count,
			     err) ||
	    !json_text_or(progress, "failure", "", &failure, err) ||
	    !json_text_or(progress, "kind", "system", &kind, err))
		return false;
	texts_add_all(&deployer->bootstrapped, names, count);
	texts_add_all(&deployer->redo, redo, redo_count);
	for (size_t i = 0; i < warning_count && i < DEPLOYER_WARNINGS_MAX; i++)
		deployer->warnings[deployer->warning_count++] = warnings[i];
	error_set(&deployer->failure, error_kind_of_word(kind), "%s", failure);
	return true;
}

bool deployrecord_save(struct deployer *deployer, struct error *err)
{
	struct nucleus *nucleus = deployer->nucleus;
	autobuf struct buf progress = { 0 };
	struct statedb_deployment row = { .id = deployer->document.id,
					  .status = "IN_PROGRESS",
					  .phase = phase_names[deployer->phase] };

	write_progress(deployer, &progress);
	row.progress = progress.data;
	return statedb_update_deployment(nucleus->db, &row, err);
}

/* Greengrass' words for whose fault it was. */
static const char *error_type(enum error_kind kind)
{
	switch (kind) {
	case ERROR_INPUT:
	case ERROR_UNSUPPORTED:
		return "COMPONENT_RECIPE_ERROR";
	case ERROR_NOT_FOUND:
		return "DEPENDENCY_ERROR";
	case ERROR_NETWORK:
		return "NETWORK_ERROR";
	case ERROR_DENIED:
		return "PERMISSION_ERROR";
	case ERROR_NO_SPACE:
		return "DEVICE_ERROR";
	default:
		return "COMPONENT_ERROR";
	}
}

static void write_result(const struct deployer *deployer, const char *detail, struct buf *text)
{
	const struct error *failure = &deployer->failure;
	struct jsonout out;

	buf_init(text, RESULT_MAX);
	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "detail", detail);
	jsonout_texts(&out, "warnings", deployer->warnings, deployer->warning_count);
	if (!deployer->has_succeeded) {
		const char *stack[] = { "DEPLOYMENT_FAILURE", error_kind_word(failure->kind) };
		const char *types[] = { error_type(failure->kind) };

		jsonout_texts(&out, "stack", stack, COUNT_OF(stack));
		jsonout_texts(&out, "types", types, COUNT_OF(types));
		jsonout_text(&out, "cause", failure->text);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
}

bool deployrecord_save_end(struct deployer *deployer, const char *status, const char *detail,
			   struct error *err)
{
	autobuf struct buf result = { 0 };
	struct statedb_deployment row = { .id = deployer->document.id, .status = status };

	write_result(deployer, detail, &result);
	row.result = result.data;
	return statedb_update_deployment(deployer->nucleus->db, &row, err) &&
	       statedb_prune_deployments(deployer->nucleus->db, err);
}
