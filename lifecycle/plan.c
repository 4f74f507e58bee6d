/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lifecycle/artifact.h"
#include "lifecycle/interpolate.h"

/* -- Skipif -------------------------------------------------------------------------------------
 */

struct condition {
	bool is_negated;
	bool is_path; /* exists PATH; else onpath PROGRAM */
	const char *what;
};

static const char *skip_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (strncasecmp(text, word, length) != 0 || (text[length] != ' ' && text[length] != '\t'))
		return NULL;
	text += length;
	return text + strspn(text, " \t");
}

static bool parse_condition(struct condition *condition, const char *text)
{
	text += strspn(text, " \t");
	*condition = (struct condition){ .is_negated = *text == '!' };
	text += condition->is_negated;
	text += strspn(text, " \t");
	condition->what = skip_word(text, "onpath");
	if (!condition->what) {
		condition->what = skip_word(text, "exists");
		condition->is_path = true;
	}
	return condition->what && *condition->what;
}

static bool is_on_path(const char *path, const char *program)
{
	while (path && *path) {
		size_t length = strcspn(path, ":");
		autofree char *candidate = mem_printf("%.*s/%s", (int)length, path, program);

		if (access(candidate, X_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* Greengrass' abbreviations: ~root/x is x below the root, and so on. */
static bool exists(const char *root, const char *name)
{
	static const struct {
		const char *prefix;
		const char *below;
	} places[] = { { "~root/", "" }, { "~config/", "/config" }, { "~packages/", "/packages" } };
	const char *home = getenv("HOME");
	autofree char *path = NULL;

	for (size_t i = 0; i < COUNT_OF(places) && !path; i++)
		if (strncmp(name, places[i].prefix, strlen(places[i].prefix)) == 0)
			path = mem_printf("%s%s/%s", root, places[i].below,
					  name + strlen(places[i].prefix));
	if (!path && strncmp(name, "~/", 2) == 0)
		path = mem_printf("%s/%s", home ? home : "", name + 2);
	return access(path ? path : name, F_OK) == 0;
}

bool plan_is_skipped(const struct plan_step *step, const char *root, const char *path)
{
	struct condition condition;

	if (!step->skip_if || !parse_condition(&condition, step->skip_if))
		return false;

	bool holds =
		condition.is_path ? exists(root, condition.what) : is_on_path(path, condition.what);

	return holds != condition.is_negated;
}

/* -- one component ------------------------------------------------------------------------------
 */

struct maker {
	struct arena *arena;
	const struct plan_options *options;
	const struct resolve_result *result;
	struct interpolate_scope scope; /* of the component in hand */
	struct error *err;
};

/* NULL stays NULL. */
static bool fill_in(const struct maker *maker, const char *text, const char **filled)
{
	*filled = NULL;
	return !text || interpolate(&maker->scope, maker->arena, text, filled, maker->err);
}

static bool parse_timeout(const struct maker *maker, enum step_kind kind, const char *text,
			  int64_t *timeout)
{
	char *end;

	*timeout = (int64_t)step_default_timeout(kind) * 1000;
	if (!text || !*text)
		return true;
	errno = 0;
	double seconds = strtod(text, &end);
	if (*end != '\0' || errno != 0 || !(seconds > 0) || seconds > STEP_TIMEOUT_MAX)
		return error_set(maker->err, ERROR_INPUT,
				 "Timeout: \"%.100s\" is not a number of seconds from 1 to %d",
				 text, STEP_TIMEOUT_MAX);
	*timeout = (int64_t)(seconds * 1000) + (seconds < 0.001);
	return true;
}

static bool parse_privilege(const struct maker *maker, const char *text, bool *is_privileged)
{
	*is_privileged = text && strcasecmp(text, "true") == 0;
	if (text && *text && !*is_privileged && strcasecmp(text, "false") != 0)
		return error_set(maker->err, ERROR_INPUT,
				 "RequiresPrivilege: \"%.100s\" is neither true nor false", text);
	return true;
}

static bool check_skip_if(const struct maker *maker, const char *text)
{
	struct condition condition;

	return !text || parse_condition(&condition, text) ||
	       error_set(maker->err, ERROR_INPUT,
			 "Skipif: \"%.100s\" is neither \"onpath PROGRAM\" nor \"exists PATH\"",
			 text);
}

static bool fill_env(const struct maker *maker, const struct step_env *from, struct step_env *to)
{
	*to = (struct step_env){ .variables = arena_array(maker->arena, from->count,
							  sizeof(*to->variables)),
				 .count = from->count };
	for (size_t i = 0; i < from->count; i++) {
		to->variables[i].name = from->variables[i].name;
		if (!fill_in(maker, from->variables[i].value, &to->variables[i].value))
			return false;
	}
	return true;
}

static bool make_step(const struct maker *maker, enum step_kind kind, const struct step *from,
		      struct plan_step *to)
{
	const char *timeout, *privilege;

	to->log_name = from->log_name;
	return fill_in(maker, from->script, &to->script) &&
	       fill_in(maker, from->skip_if, &to->skip_if) &&
	       fill_in(maker, from->timeout, &timeout) &&
	       fill_in(maker, from->privilege, &privilege) &&
	       parse_timeout(maker, kind, timeout, &to->timeout) &&
	       parse_privilege(maker, privilege, &to->is_privileged) &&
	       check_skip_if(maker, to->skip_if) && fill_env(maker, &from->env, &to->env);
}

static bool make_steps(const struct maker *maker, struct plan_component *component)
{
	const struct steps *steps = &component->recipe->steps;

	if (steps->kinds[STEP_BOOTSTRAP].script)
		return error_set(maker->err, ERROR_UNSUPPORTED,
				 "its recipe has a bootstrap step, which is not supported yet");
	for (int kind = 0; kind < STEP_KINDS; kind++)
		if (!make_step(maker, (enum step_kind)kind, &steps->kinds[kind],
			       &component->steps[kind]))
			return error_in(maker->err, "%s", step_name((enum step_kind)kind));
	return fill_env(maker, &steps->env, &component->env);
}

/* -- dependencies -------------------------------------------------------------------------------
 */

static struct interpolate_component describe(const struct recipe *recipe)
{
	return (struct interpolate_component){ .name = recipe->name,
					       .version = recipe->version_text,
					       .configuration = recipe->configuration };
}

/* Collects what the component depends on: for the variables all, for waiting the hard ones. */
static void find_dependencies(struct maker *maker, struct plan_component *component)
{
	const struct recipe *recipe = component->recipe;
	size_t *needs = arena_array(maker->arena, recipe->dependency_count, sizeof(*needs));
	struct interpolate_component *known =
		arena_array(maker->arena, recipe->dependency_count, sizeof(*known));

	component->needs = needs;
	maker->scope.dependencies = known;
	maker->scope.dependency_count = 0;
	for (size_t i = 0; i < recipe->dependency_count; i++) {
		const struct recipe_dependency *dependency = &recipe->dependencies[i];

		for (size_t k = 0; k < maker->result->count; k++) {
			if (strcmp(maker->result->recipes[k]->name, dependency->name) != 0)
				continue;
			known[maker->scope.dependency_count++] =
				describe(maker->result->recipes[k]);
			if (!dependency->is_soft)
				needs[component->need_count++] = k;
		}
	}
}

static bool is_root(const struct plan_options *options, const char *name)
{
	for (size_t i = 0; i < options->root_count; i++)
		if (strcmp(options->roots[i].name, name) == 0)
			return true;
	return false;
}

static bool make_component(struct maker *maker, struct plan_component *component,
			   const struct recipe *recipe)
{
	struct interpolate_component self = describe(recipe);
	const struct plan_options *options = maker->options;

	if (strcasecmp(recipe->type, RECIPE_GENERIC) != 0)
		return error_set(maker->err, ERROR_UNSUPPORTED,
				 "components of the type %s are not supported", recipe->type);
	component->recipe = recipe;
	component->is_root = is_root(options, recipe->name);
	component->work = interpolate_work(maker->arena, options->root, recipe->name);
	maker->scope = (struct interpolate_scope){ .root = options->root,
						   .thing_name = options->settings->thing_name,
						   .self = &self };
	find_dependencies(maker, component);
	return artifact_check(recipe, maker->err) && make_steps(maker, component);
}

bool plan_make(struct plan *plan, struct arena *arena, const struct plan_options *options,
	       const struct resolve_result *result, struct error *err)
{
	struct maker maker = { .arena = arena, .options = options, .result = result, .err = err };

	*plan = (struct plan){ .components =
				       arena_array(arena, result->count, sizeof(*plan->components)),
			       .count = result->count };
	for (size_t i = 0; i < result->count; i++)
		if (!make_component(&maker, &plan->components[i], result->recipes[i]))
			return error_in(err, "%s", result->recipes[i]->name);
	return true;
}
