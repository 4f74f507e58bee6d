/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/resolve.h"

#include <string.h>

#include "base/buf.h"
#include "lifecycle/order.h"

/*
 * How this works: a list of needed names, each with the version chosen for it. Every round collects
 * the names that the chosen versions need, and chooses again under all requirements known in that
 * round, until nothing changes. That ends early on real recipes; a set that keeps changing is
 * refused after ROUNDS_MAX.
 */

#define ROUNDS_MAX 64

struct need {
	const char *name;
	const struct recipe *chosen; /* NULL: built in, or not chosen yet */
};

struct resolver {
	const struct resolve_request *request;
	struct need needs[RESOLVE_COMPONENTS_MAX];
	size_t count;
	struct error *err;
};

bool resolve_is_builtin(const char *name)
{
	static const char *const names[] = {
		"aws.greengrass.Nucleus",
		"aws.greengrass.NucleusLite",
		"aws.greengrass.Cli",
		"aws.greengrass.DockerApplicationManager",
		"aws.greengrass.TokenExchangeService",
		"aws.greengrass.StreamManager",
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* -- requirements -------------------------------------------------------------------------------
 */

struct requirement {
	const char *by; /* NULL: asked for by the user */
	const char *text;
	const struct semver_range *range;
};

/* Calls back for each requirement on `name`, until one says false. */
static bool each_requirement(const struct resolver *resolver, const char *name,
			     bool (*visit)(void *context, const struct requirement *requirement),
			     void *context)
{
	const struct resolve_request *request = resolver->request;

	for (size_t i = 0; i < request->root_count; i++) {
		const struct resolve_root *root = &request->roots[i];

		if (strcmp(root->name, name) == 0 &&
		    !visit(context, &(struct requirement){ NULL, root->requirement, root->range }))
			return false;
	}
	for (size_t i = 0; i < resolver->count; i++) {
		const struct recipe *recipe = resolver->needs[i].chosen;

		for (size_t k = 0; recipe && k < recipe->dependency_count; k++) {
			const struct recipe_dependency *dependency = &recipe->dependencies[k];

			if (strcmp(dependency->name, name) == 0 &&
			    !visit(context,
				   &(struct requirement){ recipe->name, dependency->requirement,
							  dependency->range }))
				return false;
		}
	}
	return true;
}

static bool is_met(void *context, const struct requirement *requirement)
{
	return semver_is_in(context, requirement->range);
}

static bool add_to_message(void *context, const struct requirement *requirement)
{
	struct buf *text = context;

	buf_printf(text, "%s%s (%s%s)", text->length > 0 ? ", " : "", requirement->text,
		   requirement->by ? "for " : "asked for", requirement->by ? requirement->by : "");
	return true;
}

/* -- choosing -----------------------------------------------------------------------------------
 */

static void add_version(struct buf *text, const struct recipe *recipe, const struct device *device)
{
	buf_printf(text, "%s%s", text->length > 0 ? ", " : "", recipe->version_text);
	if (!recipe->is_usable)
		buf_printf(text, " (not for this platform: os %s, architecture %s)", device->os,
			   device->architecture);
}

static bool no_version(const struct resolver *resolver, const char *name)
{
	const struct catalog *catalog = resolver->request->catalog;
	autobuf struct buf wanted;
	autobuf struct buf there;

	buf_init(&wanted, 300);
	buf_init(&there, 300);
	each_requirement(resolver, name, add_to_message, &wanted);
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->recipes[i]->name, name) == 0)
			add_version(&there, catalog->recipes[i], catalog->device);
	if (there.length == 0)
		return error_set(resolver->err, ERROR_NOT_FOUND,
				 "no recipe of %s was found; wanted: %s (is its recipe below "
				 "--recipe-dir?)",
				 name, wanted.data);
	return error_set(resolver->err, ERROR_NOT_FOUND,
			 "no usable version of %s meets all requirements: %s; there are: %s", name,
			 wanted.data, there.data);
}

/* The deployed version if it will do, else the highest. */
static const struct recipe *best(const struct resolver *resolver, const char *name)
{
	const struct resolve_request *request = resolver->request;
	const char *active =
		request->active_version ? request->active_version(request->context, name) : NULL;
	const struct recipe *found = NULL;

	for (size_t i = 0; i < request->catalog->count; i++) {
		const struct recipe *recipe = request->catalog->recipes[i];
		struct semver version = recipe->version;

		if (strcmp(recipe->name, name) != 0 || !recipe->is_usable ||
		    !each_requirement(resolver, name, is_met, &version))
			continue;
		if (active && strcmp(active, recipe->version_text) == 0)
			return recipe;
		if (!found || semver_compare(&recipe->version, &found->version) > 0)
			found = recipe;
	}
	return found;
}

static bool is_known(const struct catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->recipes[i]->name, name) == 0)
			return true;
	return false;
}

static bool choose(struct resolver *resolver, struct need *need, bool *is_changed)
{
	const struct recipe *before = need->chosen;

	if (resolve_is_builtin(need->name) && !is_known(resolver->request->catalog, need->name))
		return true;
	need->chosen = best(resolver, need->name);
	*is_changed = *is_changed || need->chosen != before;
	return need->chosen || no_version(resolver, need->name);
}

/* -- the closure --------------------------------------------------------------------------------
 */

static bool add_need(struct resolver *resolver, const char *name)
{
	for (size_t i = 0; i < resolver->count; i++)
		if (strcmp(resolver->needs[i].name, name) == 0)
			return true;
	if (resolver->count >= RESOLVE_COMPONENTS_MAX)
		return error_set(resolver->err, ERROR_INPUT, "more than %d components",
				 RESOLVE_COMPONENTS_MAX);
	resolver->needs[resolver->count++] = (struct need){ .name = name };
	return true;
}

/* Starts the list anew from the roots and what is needed by what was chosen. */
static bool collect(struct resolver *resolver, const struct resolver *before)
{
	resolver->count = 0;
	for (size_t i = 0; i < resolver->request->root_count; i++)
		if (!add_need(resolver, resolver->request->roots[i].name))
			return false;
	for (size_t i = 0; i < resolver->count; i++) {
		struct need *need = &resolver->needs[i];

		for (size_t k = 0; k < before->count; k++)
			if (strcmp(before->needs[k].name, need->name) == 0)
				need->chosen = before->needs[k].chosen;
		for (size_t k = 0; need->chosen && k < need->chosen->dependency_count; k++)
			if (!add_need(resolver, need->chosen->dependencies[k].name))
				return false;
	}
	return true;
}

static bool run_rounds(struct resolver *resolver, struct arena *arena)
{
	struct resolver *before = arena_alloc(arena, sizeof(*before));

	for (int round = 0; round < ROUNDS_MAX; round++) {
		bool is_changed = false;

		*before = *resolver;
		if (!collect(resolver, before))
			return false;
		is_changed = resolver->count != before->count;
		for (size_t i = 0; i < resolver->count; i++)
			if (!choose(resolver, &resolver->needs[i], &is_changed))
				return false;
		if (!is_changed)
			return true;
	}
	return error_set(resolver->err, ERROR_INPUT,
			 "the components' requirements lead to no stable set of versions");
}

/* -- order --------------------------------------------------------------------------------------
 */

static size_t index_of(const struct resolve_result *result, const char *name)
{
	for (size_t i = 0; i < result->count; i++)
		if (strcmp(result->recipes[i]->name, name) == 0)
			return i;
	return result->count;
}

/* Soft dependencies do not wait for each other, so they are no part of the order. */
static struct order_node make_node(struct arena *arena, const struct resolve_result *result,
				   const struct recipe *recipe)
{
	size_t *needs = arena_array(arena, recipe->dependency_count, sizeof(*needs));
	struct order_node node = { .name = recipe->name, .needs = needs };

	for (size_t i = 0; i < recipe->dependency_count; i++) {
		size_t index = index_of(result, recipe->dependencies[i].name);

		if (!recipe->dependencies[i].is_soft && index < result->count)
			needs[node.need_count++] = index;
	}
	return node;
}

static bool sort(struct resolve_result *result, struct arena *arena, struct error *err)
{
	struct order_node *nodes = arena_array(arena, result->count, sizeof(*nodes));
	const struct recipe **sorted = arena_array(arena, result->count, sizeof(*sorted));
	const size_t *order;

	for (size_t i = 0; i < result->count; i++)
		nodes[i] = make_node(arena, result, result->recipes[i]);
	if (!order_sort(arena, nodes, result->count, &order, err))
		return false;
	for (size_t i = 0; i < result->count; i++)
		sorted[i] = result->recipes[order[i]];
	result->recipes = sorted;
	return true;
}

bool resolve(const struct resolve_request *request, struct arena *arena,
	     struct resolve_result *result, struct error *err)
{
	struct resolver *resolver = arena_alloc(arena, sizeof(*resolver));

	resolver->request = request;
	resolver->err = err;
	if (!run_rounds(resolver, arena))
		return false;
	result->recipes = arena_array(arena, resolver->count, sizeof(*result->recipes));
	result->count = 0;
	for (size_t i = 0; i < resolver->count; i++)
		if (resolver->needs[i].chosen)
			result->recipes[result->count++] = resolver->needs[i].chosen;
	return sort(result, arena, err);
}
