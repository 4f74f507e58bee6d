/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/document.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/jsonout.h"
#include "lifecycle/recipe.h"
#include "lifecycle/service.h"

#define LOCAL_VALIDATION_MS 20000

static bool make_id(struct arena *arena, const char **id, struct error *err)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return error_sys(err, "getrandom");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 1 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	*id = arena_printf(arena,
			   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
			   b[12], b[13], b[14], b[15]);
	return true;
}

bool document_begin(struct document *document, struct arena *arena, struct error *err)
{
	static const char *const none[] = { NULL };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*document =
		(struct document){ .created = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
				   .group = DOCUMENT_LOCAL_GROUP,
				   .removes = none,
				   .validation_timeout = LOCAL_VALIDATION_MS };
	document->changes = arena_array(arena, DOCUMENT_CHANGES_MAX, sizeof(*document->changes));
	return make_id(arena, &document->id, err);
}

/* -- changes ------------------------------------------------------------------------------------
 */

const struct document_change *document_find(const struct document *document, const char *name)
{
	for (size_t i = 0; i < document->change_count; i++)
		if (strcmp(document->changes[i].name, name) == 0)
			return &document->changes[i];
	return NULL;
}

static struct document_change *change_of(struct document *document, const char *name,
					 struct error *err)
{
	static const char *const none[] = { NULL };

	for (size_t i = 0; i < document->change_count; i++)
		if (strcmp(document->changes[i].name, name) == 0)
			return &document->changes[i];
	if (!recipe_is_component_name(name)) {
		error_set(err, ERROR_INPUT, "not a component's name: \"%.140s\"", name);
		return NULL;
	}
	if (document->change_count >= DOCUMENT_CHANGES_MAX) {
		error_set(err, ERROR_INPUT, "more than %d components", DOCUMENT_CHANGES_MAX);
		return NULL;
	}
	document->changes[document->change_count] =
		(struct document_change){ .name = name, .resets = none };
	return &document->changes[document->change_count++];
}

bool document_add_root(struct document *document, struct arena *arena, const char *text,
		       struct error *err)
{
	const char *equals = strchr(text, '=');
	const struct semver_range *range;
	struct document_change *change;

	if (!equals || !equals[1])
		return error_set(err, ERROR_INPUT, "expected NAME=VERSION");
	change = change_of(document, arena_strndup(arena, text, (size_t)(equals - text)), err);
	if (!change || !semver_parse_range(arena, equals + 1, &range, err))
		return false;
	change->version = arena_strdup(arena, equals + 1);
	return true;
}

static bool check_name(const char *name, struct error *err)
{
	return recipe_is_component_name(name) ||
	       error_set(err, ERROR_INPUT, "\"%.140s\" is not a component's name", name);
}

bool document_check(const struct document *document, struct arena *arena, struct error *err)
{
	for (size_t i = 0; i < document->change_count; i++) {
		const struct document_change *change = &document->changes[i];
		const struct semver_range *range;

		if (!check_name(change->name, err) ||
		    (change->version && !semver_parse_range(arena, change->version, &range, err)))
			return false;
	}
	for (size_t i = 0; document->removes[i]; i++)
		if (!check_name(document->removes[i], err))
			return false;
	return true;
}

static bool add_version(struct document *document, struct arena *arena, const struct json *value,
			struct error *err)
{
	const struct semver_range *range;
	struct document_change *change = change_of(document, value->key, err);
	struct error why;

	if (!change || !json_as_text(value, &change->version, err))
		return false;
	return semver_parse_range(arena, change->version, &range, &why) ||
	       json_wrong(value, err, "%.400s", why.text);
}

static bool add_update(struct document *document, struct arena *arena, const struct json *value,
		       struct error *err)
{
	struct document_change *change = change_of(document, value->key, err);
	const struct json *merge = json_get_fold(value, "MERGE");
	const struct json *reset = json_get_fold(value, "RESET");
	const char **pointers;
	size_t count;

	if (!change)
		return false;
	if (value->type != JSON_OBJECT)
		return json_expected(value, "an object with MERGE or RESET", err);
	for (const struct json *member = value->child; member; member = member->next)
		if (member != merge && member != reset)
			return json_wrong(member, err, "expected MERGE or RESET");
	if (merge && merge->type != JSON_OBJECT)
		return json_expected(merge, "an object", err);
	change->merge = merge;
	if (!reset)
		return true;
	if (!json_text_array(arena, value, reset->key, &pointers, &count, err))
		return false;
	change->resets = pointers;
	return true;
}

bool document_add_updates(struct document *document, struct arena *arena,
			  const struct json *updates, struct error *err)
{
	if (updates->type != JSON_OBJECT)
		return json_expected(updates, "an object", err);
	for (const struct json *value = updates->child; value; value = value->next)
		if (!add_update(document, arena, value, err))
			return false;
	return true;
}

/* -- runWith ------------------------------------------------------------------------------------
 */

static struct json *run_with_of(struct document *document, struct arena *arena, const char *name,
				struct error *err)
{
	struct document_change *change = change_of(document, name, err);
	struct json *made;

	if (!change)
		return NULL;
	made = json_new(arena, NULL, "runWith", JSON_OBJECT, NULL);
	for (const struct json *old = change->run_with ? change->run_with->child : NULL; old;
	     old = old->next)
		json_copy(arena, made, old->key, old);
	change->run_with = made;
	return made;
}

bool document_add_user(struct document *document, struct arena *arena, const char *text,
		       struct error *err)
{
	const char *colon = strchr(text, ':'), *equals = strchr(text, '=');
	struct json *run_with;

	if (!colon || !equals || equals < colon ||
	    strncmp(colon, ":posixUser=", (size_t)(equals - colon) + 1) != 0 || !equals[1])
		return error_set(err, ERROR_INPUT, "expected COMPONENT:posixUser=USER[:GROUP]");
	run_with = run_with_of(document, arena, arena_strndup(arena, text, (size_t)(colon - text)),
			       err);
	if (run_with)
		json_new(arena, run_with, "posixUser", JSON_TEXT, equals + 1);
	return run_with != NULL;
}

bool document_add_limits(struct document *document, struct arena *arena, const struct json *limits,
			 struct error *err)
{
	if (limits->type != JSON_OBJECT)
		return json_expected(limits, "an object", err);
	for (const struct json *value = limits->child; value; value = value->next) {
		struct service_limits checked;
		struct json *run_with;

		if (!service_parse_limits(&checked, value, err))
			return false;
		run_with = run_with_of(document, arena, value->key, err);
		if (!run_with)
			return false;
		json_copy(arena, run_with, "systemResourceLimits", value);
	}
	return true;
}

static bool add_run_with(struct document *document, const struct json *value, struct error *err)
{
	struct document_change *change = change_of(document, value->key, err);
	struct service_limits checked;

	if (!change)
		return false;
	if (value->type != JSON_OBJECT)
		return json_expected(value, "an object", err);
	change->run_with = value;
	return service_parse_limits(&checked, json_get_fold(value, "systemResourceLimits"), err);
}

/* -- to and from JSON: the words are those of CreateLocalDeployment -----------------------------
 */

static void write_changes(const struct document *document, struct jsonout *out)
{
	jsonout_object(out, "rootComponentVersionsToAdd");
	for (size_t i = 0; i < document->change_count; i++)
		if (document->changes[i].version)
			jsonout_text(out, document->changes[i].name, document->changes[i].version);
	jsonout_object_end(out);
	jsonout_object(out, "componentToConfiguration");
	for (size_t i = 0; i < document->change_count; i++) {
		const struct document_change *change = &document->changes[i];

		if (!change->merge && !change->resets[0])
			continue;
		jsonout_object(out, change->name);
		if (change->merge)
			jsonout_json(out, "MERGE", change->merge);
		jsonout_array(out, "RESET");
		for (size_t k = 0; change->resets[k]; k++)
			jsonout_text(out, NULL, change->resets[k]);
		jsonout_array_end(out);
		jsonout_object_end(out);
	}
	jsonout_object_end(out);
	jsonout_object(out, "componentToRunWithInfo");
	for (size_t i = 0; i < document->change_count; i++)
		if (document->changes[i].run_with)
			jsonout_json(out, document->changes[i].name, document->changes[i].run_with);
	jsonout_object_end(out);
}

void document_write(const struct document *document, struct buf *text)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "deploymentId", document->id);
	jsonout_int(&out, "created", document->created);
	jsonout_text(&out, "groupName", document->group);
	write_changes(document, &out);
	jsonout_array(&out, "rootComponentsToRemove");
	for (size_t i = 0; document->removes[i]; i++)
		jsonout_text(&out, NULL, document->removes[i]);
	jsonout_array_end(&out);
	if (document->recipe_directory)
		jsonout_text(&out, "recipeDirectoryPath", document->recipe_directory);
	if (document->artifact_directory)
		jsonout_text(&out, "artifactsDirectoryPath", document->artifact_directory);
	jsonout_text(&out, "failureHandlingPolicy",
		     document->does_rollback ? "ROLLBACK" : "DO_NOTHING");
	jsonout_int(&out, "validationTimeoutMs", document->validation_timeout);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

static bool read_changes(struct document *document, struct arena *arena, const struct json *tree,
			 struct error *err)
{
	const struct json *versions, *updates, *run_with;

	if (!json_object_or_null(tree, "rootComponentVersionsToAdd", &versions, err) ||
	    !json_object_or_null(tree, "componentToConfiguration", &updates, err) ||
	    !json_object_or_null(tree, "componentToRunWithInfo", &run_with, err))
		return false;
	for (const struct json *v = versions ? versions->child : NULL; v; v = v->next)
		if (!add_version(document, arena, v, err))
			return false;
	if (updates && !document_add_updates(document, arena, updates, err))
		return false;
	for (const struct json *v = run_with ? run_with->child : NULL; v; v = v->next)
		if (!add_run_with(document, v, err))
			return false;
	return true;
}

bool document_read(struct document *document, struct arena *arena, const char *text,
		   struct error *err)
{
	const char *policy, **removes;
	const struct json *tree;
	size_t count;

	if (!document_begin(document, arena, err) ||
	    !json_parse(arena, "deployment", text, strlen(text), &tree, err) ||
	    !json_text_or(tree, "deploymentId", document->id, &document->id, err) ||
	    !json_int_or(tree, "created", document->created, &document->created, err) ||
	    !json_text_or(tree, "groupName", document->group, &document->group, err) ||
	    !json_text_or(tree, "recipeDirectoryPath", NULL, &document->recipe_directory, err) ||
	    !json_text_or(tree, "artifactsDirectoryPath", NULL, &document->artifact_directory,
			  err) ||
	    !json_text_or(tree, "failureHandlingPolicy", "ROLLBACK", &policy, err) ||
	    !json_int_or(tree, "validationTimeoutMs", LOCAL_VALIDATION_MS,
			 &document->validation_timeout, err) ||
	    !json_text_array(arena, tree, "rootComponentsToRemove", &removes, &count, err))
		return false;
	document->removes = removes;
	document->does_rollback = strcmp(policy, "ROLLBACK") == 0;
	return read_changes(document, arena, tree, err) && document_check(document, arena, err);
}
