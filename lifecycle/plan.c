/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/plan.h"

#include <string.h>
#include <strings.h>

#include "lifecycle/artifact.h"
#include "lifecycle/interpolate.h"
#include "lifecycle/reconfigure.h"

struct maker {
	struct arena *arena;
	const struct plan_options *options;
	struct plan *plan;
	const struct recipe *recipe;    /* of the component in hand */
	struct interpolate_scope scope; /* of it */
	const struct json *place;       /* whose variables are filled in */
	struct error *err;
};

const struct plan_component *plan_find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->components[i].recipe->name, name) == 0)
			return &plan->components[i];
	return NULL;
}

/* -- configuration: the real one in a tree of its own, changed as it is going to be ---------------
 */

/* Leaves with their times, so that the rules of merging hold for the copy too. */
static bool copy_node(struct configtree *tree, const struct confignode *from, struct buf *pointer,
		      struct error *err)
{
	size_t length = pointer->length;

	if (from->value || !from->child)
		return !from->parent ||
		       configtree_restore(tree, pointer->data, from->value ? from->value : "{}",
					  from->time, err);
	for (const struct confignode *child = from->child; child; child = child->next) {
		struct confignode alone = *child;
		struct confignode top = { 0 };

		alone.parent = &top;
		configtree_pointer(&alone, pointer);
		if (!copy_node(tree, child, pointer, err))
			return false;
		pointer->length = length;
		pointer->data[length] = '\0';
	}
	return true;
}

static bool copy_configuration(struct configtree *tree, const struct confignode *service,
			       struct error *err)
{
	const struct confignode *from = configtree_child(service, "configuration");
	autobuf struct buf pointer = { 0 };

	if (!from)
		return true;
	buf_init(&pointer, (CONFIGTREE_KEY_MAX + 1) * CONFIGTREE_DEPTH_MAX * 2);
	buf_add_text(&pointer, "/configuration");
	return copy_node(tree, from, &pointer, err);
}

static bool fill_in(struct maker *maker, struct json *parent, const char *key,
		    const struct json *value, struct json **result);

static void on_unresolved(void *context, const char *variable)
{
	const struct maker *maker = context;
	struct error line;

	json_wrong(maker->place, &line, "%.200s cannot be resolved; it stays as it is", variable);
	if (maker->options->on_warning)
		maker->options->on_warning(maker->options->context, maker->recipe, line.text);
}

/* `self` is kept by reference. */
static void begin_scope(struct maker *maker, const struct recipe *recipe,
			const struct interpolate_component *self)
{
	maker->recipe = recipe;
	maker->scope =
		(struct interpolate_scope){ .root = maker->options->root,
					    .thing_name = maker->options->settings->thing_name,
					    .self = self,
					    .on_unresolved = on_unresolved,
					    .context = maker };
}

/* With interpolateComponentConfiguration the texts of configurations have variables, too: all but
 * {configuration:…}, which would be of themselves. */
static bool fill_configuration(struct maker *maker, struct plan_component *component)
{
	const struct recipe *recipe = component->recipe;
	struct interpolate_component *self = arena_alloc(maker->arena, sizeof(*self));
	const struct document_change *change =
		document_find(maker->options->document, recipe->name);
	struct document_change *filled;
	struct json *made;

	*self = (struct interpolate_component){ .name = recipe->name,
						.version = recipe->version_text };
	component->defaults = recipe->configuration;
	component->change = change;
	if (!maker->options->settings->interpolates_configuration)
		return true;
	begin_scope(maker, recipe, self);
	if (component->defaults) {
		if (!fill_in(maker, NULL, "DefaultConfiguration", component->defaults, &made))
			return false;
		component->defaults = made;
	}
	if (!change || !change->merge)
		return true;
	filled = arena_alloc(maker->arena, sizeof(*filled));
	*filled = *change;
	component->change = filled;
	if (!fill_in(maker, NULL, "MERGE", change->merge, &made))
		return false;
	filled->merge = made;
	return true;
}

static bool make_configuration(const struct maker *maker, struct plan_component *component)
{
	static const char *const place[] = { "configuration", NULL };
	const struct plan_options *options = maker->options;
	const struct recipe *recipe = component->recipe;
	struct configtree tree;
	bool is_good;

	configtree_init(&tree);
	is_good = copy_configuration(&tree, configtree_child(options->services, recipe->name),
				     maker->err) &&
		  reconfigure(&tree, &tree.root, component->defaults, component->change,
			      options->document->created, maker->err);
	component->configuration = NULL;
	if (is_good) {
		const struct confignode *node = configtree_find(&tree.root, place);

		is_good = !node || configtree_read(maker->arena, node, "configuration",
						   &component->configuration, maker->err);
	}
	configtree_done(&tree);
	return is_good;
}

/* -- the tree -----------------------------------------------------------------------------------
 */

/* A copy in which every text has its variables filled in. Recursion is bounded by the depth. */
static bool fill_in(struct maker *maker, struct json *parent, const char *key,
		    const struct json *value, struct json **result)
{
	const char *text = value->text;
	struct json *node;

	maker->place = value;
	if (value->type == JSON_TEXT &&
	    !interpolate(&maker->scope, maker->arena, value->text, &text, maker->err))
		return json_wrong(value, maker->err, "%.400s", maker->err->text);
	node = json_new(maker->arena, parent, key, value->type, text);
	node->boolean = value->boolean;
	*result = node;
	for (const struct json *child = value->child; child; child = child->next)
		if (!fill_in(maker, node, value->type == JSON_OBJECT ? child->key : NULL, child,
			     &(struct json *){ NULL }))
			return false;
	return true;
}

/* runWith stays as an earlier deployment said, until one says otherwise. */
static bool add_run_with(const struct maker *maker, struct json *tree, const char *name)
{
	const struct document_change *change = document_find(maker->options->document, name);
	const struct confignode *service = configtree_child(maker->options->services, name);
	const struct confignode *old = configtree_child(service, "runWith");
	const struct json *run_with = NULL;

	if (change && change->run_with)
		run_with = change->run_with;
	else if (old && !configtree_read(maker->arena, old, "runWith", &run_with, maker->err))
		return false;
	if (run_with)
		json_copy(maker->arena, tree, "runWith", run_with);
	return true;
}

static bool make_tree(struct maker *maker, struct plan_component *component)
{
	const struct recipe *recipe = component->recipe;
	struct json *tree = json_new(maker->arena, NULL, recipe->name, JSON_OBJECT, NULL);
	struct json *lifecycle, *needs;

	component->tree = tree;
	json_new(maker->arena, tree, "version", JSON_TEXT, recipe->version_text);
	json_new(maker->arena, tree, "componentType", JSON_TEXT, "GENERIC");
	if (!recipe->lifecycle)
		json_new(maker->arena, tree, "lifecycle", JSON_OBJECT, NULL);
	else if (!fill_in(maker, tree, "lifecycle", recipe->lifecycle, &lifecycle))
		return false;
	needs = json_new(maker->arena, tree, "dependencies", JSON_ARRAY, NULL);
	for (size_t i = 0; i < recipe->dependency_count; i++)
		json_new(maker->arena, needs, NULL, JSON_TEXT,
			 arena_printf(maker->arena, "%s:%s", recipe->dependencies[i].name,
				      recipe->dependencies[i].is_soft ? "SOFT" : "HARD"));
	return add_run_with(maker, tree, recipe->name);
}

/* What only shows when the variables have their values: a timeout that is no number. */
static bool check_service(const struct maker *maker, const struct plan_component *component)
{
	struct service *service;

	if (!service_read(&service, component->recipe->name, component->tree, maker->err))
		return false;
	service_free(service);
	return true;
}

/* -- one component ------------------------------------------------------------------------------
 */

static struct interpolate_component describe(const struct plan_component *component)
{
	return (struct interpolate_component){ .name = component->recipe->name,
					       .version = component->recipe->version_text,
					       .configuration = component->configuration };
}

/* Only what the component itself depends on may be named in its variables. */
static void find_dependencies(struct maker *maker, const struct recipe *recipe)
{
	struct interpolate_component *known =
		arena_array(maker->arena, recipe->dependency_count, sizeof(*known));

	maker->scope.dependencies = known;
	maker->scope.dependency_count = 0;
	for (size_t i = 0; i < recipe->dependency_count; i++) {
		const struct plan_component *other =
			plan_find(maker->plan, recipe->dependencies[i].name);

		if (other)
			known[maker->scope.dependency_count++] = describe(other);
	}
}

static bool make_component(struct maker *maker, struct plan_component *component)
{
	const struct recipe *recipe = component->recipe;
	struct interpolate_component self = describe(component);

	if (strcasecmp(recipe->type, RECIPE_GENERIC) != 0)
		return error_set(maker->err, ERROR_UNSUPPORTED,
				 "components of the type %s are not supported", recipe->type);
	begin_scope(maker, recipe, &self);
	find_dependencies(maker, recipe);
	return artifact_check(recipe, maker->err) && make_tree(maker, component) &&
	       check_service(maker, component);
}

bool plan_make(struct plan *plan, struct arena *arena, const struct plan_options *options,
	       const struct resolve_result *result, struct error *err)
{
	struct maker maker = { .arena = arena, .options = options, .plan = plan, .err = err };

	*plan = (struct plan){ .components =
				       arena_array(arena, result->count, sizeof(*plan->components)),
			       .count = result->count };
	for (size_t i = 0; i < result->count; i++)
		plan->components[i].recipe = result->recipes[i];
	for (size_t i = 0; i < result->count; i++)
		if (!fill_configuration(&maker, &plan->components[i]) ||
		    !make_configuration(&maker, &plan->components[i]))
			return error_in(err, "%s", result->recipes[i]->name);
	for (size_t i = 0; i < result->count; i++)
		if (!make_component(&maker, &plan->components[i]))
			return error_in(err, "%s", result->recipes[i]->name);
	return true;
}
