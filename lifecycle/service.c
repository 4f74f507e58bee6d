/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lifecycle/skipif.h"

#define MEMORY_MAX_KB (INT64_MAX / 1024)
#define CPUS_MAX      4096

/* -- steps --------------------------------------------------------------------------------------
 */

static bool parse_timeout(enum step_kind kind, const char *text, int64_t *timeout,
			  struct error *err)
{
	char *end;

	*timeout = (int64_t)step_default_timeout(kind) * 1000;
	if (!text || !*text)
		return true;
	errno = 0;
	double seconds = strtod(text, &end);
	if (*end != '\0' || errno != 0 || !(seconds > 0) || seconds > STEP_TIMEOUT_MAX)
		return error_set(err, ERROR_INPUT,
				 "Timeout: \"%.100s\" is not a number of seconds from 1 to %d",
				 text, STEP_TIMEOUT_MAX);
	*timeout = (int64_t)(seconds * 1000) + (seconds < 0.001);
	return true;
}

static bool parse_bool(const char *key, const char *text, bool *value, struct error *err)
{
	*value = text && strcasecmp(text, "true") == 0;
	return *value || !text || !*text || strcasecmp(text, "false") == 0 ||
	       error_set(err, ERROR_INPUT, "%s: \"%.100s\" is neither true nor false", key, text);
}

static bool make_step(struct service_step *step, enum step_kind kind, const struct step *from,
		      struct error *err)
{
	*step = (struct service_step){ .script = from->script,
				       .log_name = from->log_name,
				       .skip_if = from->skip_if,
				       .env = from->env };
	return parse_timeout(kind, from->timeout, &step->timeout, err) &&
	       parse_bool("RequiresPrivilege", from->privilege, &step->is_privileged, err) &&
	       parse_bool("BootstrapOnRollback", from->rollback, &step->is_for_rollback, err) &&
	       (!step->skip_if || skipif_check(step->skip_if, err));
}

static bool read_lifecycle(struct service *service, struct error *err)
{
	struct steps steps;

	if (!steps_parse(&steps, &service->arena, json_get_fold(service->tree, "lifecycle"), err))
		return false;
	for (int kind = 0; kind < STEP_KINDS; kind++)
		if (!make_step(&service->steps[kind], (enum step_kind)kind, &steps.kinds[kind],
			       err))
			return error_in(err, "%s", step_name((enum step_kind)kind));
	service->env = steps.env;
	service->error_reset_time = steps.error_reset_time * 1000;
	return true;
}

/* -- the rest -----------------------------------------------------------------------------------
 */

/* "NAME:HARD" or "NAME:SOFT". */
static bool read_needs(struct service *service, struct error *err)
{
	const struct json *list;

	if (!json_array_or_null(service->tree, "dependencies", &list, err))
		return false;
	service->needs =
		arena_array(&service->arena, list ? list->count : 0, sizeof(*service->needs));
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct service_need *need = &service->needs[service->need_count++];
		const char *text, *colon;

		if (!json_as_text(item, &text, err))
			return false;
		colon = strrchr(text, ':');
		need->name =
			colon ? arena_strndup(&service->arena, text, (size_t)(colon - text)) : text;
		need->is_soft = colon && strcasecmp(colon + 1, "SOFT") == 0;
	}
	return true;
}

bool service_parse_limits(struct service_limits *limits, const struct json *value,
			  struct error *err)
{
	const struct json *cpus = json_get_fold(value, "cpus");
	const struct json *memory = json_get_fold(value, "memory");
	const char *text;
	char *end;

	*limits = (struct service_limits){ 0 };
	if (value && value->type != JSON_OBJECT)
		return json_expected(value, "an object", err);
	if (cpus) {
		if (!steps_scalar(cpus, &text, err))
			return false;
		limits->cpus = strtod(text, &end);
		if (*end != '\0' || !(limits->cpus > 0) || limits->cpus > CPUS_MAX)
			return json_wrong(cpus, err, "expected a number of CPUs above 0");
	}
	if (memory) {
		if (!steps_scalar(memory, &text, err))
			return false;
		errno = 0;
		limits->memory = strtoll(text, &end, 10);
		if (*end != '\0' || errno != 0 || limits->memory <= 0 ||
		    limits->memory > MEMORY_MAX_KB)
			return json_wrong(memory, err, "expected a number of kilobytes above 0");
		limits->memory *= 1024;
	}
	return true;
}

static bool read_run_with(struct service *service, struct error *err)
{
	const struct json *run_with = json_get_fold(service->tree, "runWith");
	const struct json *user = json_get_fold(run_with, "posixUser");

	if (user && !steps_scalar(user, &service->user, err))
		return false;
	if (service->user && !*service->user)
		service->user = NULL;
	return service_parse_limits(&service->limits,
				    json_get_fold(run_with, "systemResourceLimits"), err);
}

bool service_read(struct service **result, const char *name, const struct json *tree,
		  struct error *err)
{
	struct service *service = mem_alloc(sizeof(*service));
	const struct json *version = json_get_fold(tree, "version");

	service->tree = json_copy(&service->arena, NULL, name, tree); /* outlives the other */
	service->name = arena_strdup(&service->arena, name);
	service->version = "0.0.0";
	version = json_get_fold(service->tree, "version");
	if ((!version || steps_scalar(version, &service->version, err)) &&
	    read_lifecycle(service, err) && read_needs(service, err) &&
	    read_run_with(service, err)) {
		*result = service;
		return true;
	}
	service_free(service);
	return false;
}

void service_free(struct service *service)
{
	struct arena arena;

	if (!service)
		return;
	arena = service->arena;
	arena_done(&arena);
	free(service);
}

/* -- comparing ----------------------------------------------------------------------------------
 */

static bool is_step(const char *key, enum step_kind kind)
{
	return strcasecmp(key, step_name(kind)) == 0;
}

/* Lifecycles differ in something that a running component would notice. */
static bool has_other_steps(const struct json *a, const struct json *b)
{
	for (const struct json *member = a ? a->child : NULL; member; member = member->next)
		if (!is_step(member->key, STEP_SHUTDOWN) &&
		    !json_is_equal(member, json_get_fold(b, member->key)))
			return true;
	for (const struct json *member = b ? b->child : NULL; member; member = member->next)
		if (!is_step(member->key, STEP_SHUTDOWN) && !json_get_fold(a, member->key))
			return true;
	return false;
}

static bool has_new_need(const struct service *before, const struct service *after)
{
	for (size_t i = 0; i < after->need_count; i++) {
		size_t k = 0;

		while (k < before->need_count &&
		       strcmp(before->needs[k].name, after->needs[i].name) != 0)
			k++;
		if (k == before->need_count)
			return true;
	}
	return false;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

enum service_change service_compare(const struct service *before, const struct service *after)
{
	const struct json *old = json_get_fold(before->tree, "lifecycle");
	const struct json *new = json_get_fold(after->tree, "lifecycle");

	if (strcmp(before->version, after->version) != 0 ||
	    !is_same_text(before->user, after->user) ||
	    !json_is_equal(json_get_fold(old, step_name(STEP_INSTALL)),
			   json_get_fold(new, step_name(STEP_INSTALL))))
		return SERVICE_REINSTALL;
	return has_other_steps(old, new) || has_new_need(before, after) ? SERVICE_RESTART
									: SERVICE_SAME;
}
