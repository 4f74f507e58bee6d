/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/activation.h"

#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/reconfigure.h"

#define STEADY_MS 1000 /* Greengrass looks once a second */

static struct configtree *tree_of(struct deployer *deployer)
{
	return &deployer->nucleus->config.tree;
}

/* -- the configuration --------------------------------------------------------------------------
 */

static bool note_previous(struct configtree *tree, struct arena *arena, const char *name,
			  const char *version, int64_t time, struct error *err)
{
	const char *const now[] = { "services", name, "version", NULL };
	const char *const before[] = { "services", name, "previousVersion", NULL };
	const char *old = configtree_text(arena, &tree->root, now);

	return !old || strcmp(old, version) == 0 ||
	       configtree_replace(tree, &tree->root, before,
				  json_new(arena, NULL, "previousVersion", JSON_TEXT, old), time,
				  err);
}

static bool merge_service(struct deployer *deployer, const struct plan_component *planned,
			  struct error *err)
{
	struct configtree *tree = tree_of(deployer);
	const struct document *document = &deployer->document;
	const char *name = planned->recipe->name;
	const char *const place[] = { "services", name, NULL };

	if (!note_previous(tree, &deployer->arena, name, planned->recipe->version_text,
			   document->created, err))
		return false;
	for (const struct json *member = planned->tree->child; member; member = member->next) {
		const char *const path[] = { "services", name, member->key, NULL };

		if (!configtree_replace(tree, &tree->root, path, member, document->created, err))
			return false;
	}
	return reconfigure(tree, configtree_find(&tree->root, place), planned->defaults,
			   planned->change, document->created, err);
}

static bool merge_group(struct deployer *deployer, struct error *err)
{
	struct configtree *tree = tree_of(deployer);
	const struct document *document = &deployer->document;

	for (size_t i = 0; i < document->change_count; i++) {
		const struct document_change *change = &document->changes[i];
		const char *const path[] = { "deployments", "groups", document->group, change->name,
					     NULL };

		if (change->version &&
		    !configtree_replace(tree, &tree->root, path,
					json_new(&deployer->arena, NULL, change->name, JSON_TEXT,
						 change->version),
					document->created, err))
			return false;
	}
	for (size_t i = 0; document->removes[i]; i++) {
		const char *const path[] = { "deployments", "groups", document->group,
					     document->removes[i], NULL };
		struct confignode *node = configtree_find(&tree->root, path);

		if (node)
			configtree_remove(tree, node);
	}
	return true;
}

/* aws.greengrass.Nucleus and others that are built in have configuration, but no recipe. */
static bool merge_builtins(struct deployer *deployer, struct error *err)
{
	struct configtree *tree = tree_of(deployer);
	const struct document *document = &deployer->document;

	for (size_t i = 0; i < document->change_count; i++) {
		const struct document_change *change = &document->changes[i];
		const char *const place[] = { "services", change->name, NULL };
		const char *const made[] = { "services", change->name, "configuration", NULL };
		struct configtree_merge merge = { .time = CONFIGTREE_DEFAULT_TIME,
						  .is_default = true };

		if (plan_find(&deployer->plan, change->name) || !resolve_is_builtin(change->name) ||
		    (!change->merge && !change->resets[0]))
			continue;
		if (!configtree_merge(
			    tree, &tree->root, made,
			    json_new(&deployer->arena, NULL, "configuration", JSON_OBJECT, NULL),
			    &merge, err) ||
		    !reconfigure(tree, configtree_find(&tree->root, place), NULL, change,
				 document->created, err))
			return false;
	}
	return true;
}

bool activation_merge(struct deployer *deployer, struct error *err)
{
	if (!statedb_save_config(deployer->nucleus->db, err))
		return false;
	for (size_t i = 0; i < deployer->plan.count; i++)
		if (!merge_service(deployer, &deployer->plan.components[i], err))
			return error_in(err, "%s", deployer->plan.components[i].recipe->name);
	return merge_builtins(deployer, err) && merge_group(deployer, err);
}

/* -- what is needed -----------------------------------------------------------------------------
 */

static const struct confignode *services_of(const struct deployer *deployer)
{
	return configtree_child(&deployer->nucleus->config.tree.root, "services");
}

/* One that was deployed; the nucleus' own entry has no version. */
static const struct confignode *service_of(const struct deployer *deployer, const char *name)
{
	const struct confignode *node = configtree_child(services_of(deployer), name);

	return configtree_child(node, "version") ? node : NULL;
}

static void add_name(struct texts *names, const char *name)
{
	if (!texts_has(names, name))
		texts_add(names, name);
}

/* "NAME:HARD" */
static void add_needs(const struct deployer *deployer, struct arena *arena, struct texts *names,
		      const struct confignode *service)
{
	const struct confignode *node = configtree_child(service, "dependencies");
	const struct json *list = NULL;
	struct error ignored;

	if (!node || !configtree_read(arena, node, "dependencies", &list, &ignored))
		return;
	for (const struct json *item = list->child; item; item = item->next) {
		const char *colon = item->type == JSON_TEXT ? strrchr(item->text, ':') : NULL;
		const char *name =
			colon ? arena_strndup(arena, item->text, (size_t)(colon - item->text))
			      : NULL;

		if (name && service_of(deployer, name))
			add_name(names, name);
	}
}

static void close_over(const struct deployer *deployer, struct arena *arena, struct texts *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct confignode *service = service_of(deployer, names->items[i]);

		if (service)
			add_needs(deployer, arena, names, service);
	}
}

/* The roots of all groups and all they depend on. */
static void find_wanted(const struct deployer *deployer, struct arena *arena, struct texts *names)
{
	static const char *const path[] = { "deployments", "groups", NULL };
	const struct confignode *groups =
		configtree_find(&deployer->nucleus->config.tree.root, path);

	for (const struct confignode *group = groups ? groups->child : NULL; group;
	     group = group->next)
		for (const struct confignode *root = group->child; root; root = root->next)
			if (service_of(deployer, root->key))
				add_name(names, arena_strdup(arena, root->key));
	close_over(deployer, arena, names);
}

bool activation_is_in_scope(const struct deployer *deployer, const char *name)
{
	return !deployer->nucleus->options.is_foreground || texts_has(&deployer->scope, name);
}

static void find_scope(struct deployer *deployer)
{
	texts_done(&deployer->scope);
	for (size_t i = 0; i < deployer->document.change_count; i++)
		if (deployer->document.changes[i].version)
			add_name(&deployer->scope, deployer->document.changes[i].name);
	close_over(deployer, &deployer->arena, &deployer->scope);
}

/* -- units --------------------------------------------------------------------------------------
 */

static bool read_service(const struct confignode *node, struct service **service, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct json *tree = json_new(&arena, NULL, node->key, JSON_OBJECT, NULL);

	for (const struct confignode *child = node->child; child; child = child->next) {
		const struct json *value = NULL;

		if (strcasecmp(child->key, "configuration") == 0)
			continue;
		if (!configtree_read(&arena, child, child->key, &value, err))
			return false;
		json_copy(&arena, tree, child->key, value);
	}
	return service_read(service, node->key, tree, err);
}

bool activation_read(const struct deployer *deployer, const char *name, struct service **service,
		     struct error *err)
{
	const struct confignode *node = service_of(deployer, name);

	if (!node)
		return error_set(err, ERROR_NOT_FOUND, "%s is not deployed", name);
	return read_service(node, service, err);
}

static bool apply_service(struct deployer *deployer, const char *name, struct error *err)
{
	struct supervisor *supervisor = &deployer->nucleus->supervisor;
	struct unit *unit = supervisor_find(supervisor, name);
	struct service *service;

	if (!activation_read(deployer, name, &service, err))
		return false;
	if (unit) {
		supervisor_update(unit, service);
		return true;
	}
	if (supervisor_add(supervisor, service, &unit, err))
		return true;
	service_free(service);
	return false;
}

/* In order, so that those which are needed are there first. */
static bool apply_all(struct deployer *deployer, const struct texts *wanted, struct error *err)
{
	for (size_t i = wanted->count; i-- > 0;)
		if (activation_is_in_scope(deployer, wanted->items[i]) &&
		    !apply_service(deployer, wanted->items[i], err))
			return false;
	return true;
}

/* What a deployment that was taken back had brought. */
static void remove_strangers(struct deployer *deployer)
{
	struct supervisor *supervisor = &deployer->nucleus->supervisor;

	for (size_t i = 0; i < supervisor->count; i++)
		if (!service_of(deployer, supervisor->units[i]->service->name))
			supervisor_remove(supervisor->units[i]);
}

bool activation_apply(struct deployer *deployer, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts wanted = { 0 };

	if (deployer->nucleus->options.is_foreground)
		find_scope(deployer);
	find_wanted(deployer, &arena, &wanted);
	remove_strangers(deployer);
	return apply_all(deployer, &wanted, err);
}

/* -- waiting ------------------------------------------------------------------------------------
 */

static void sooner(int64_t *again, int64_t left)
{
	if (*again == 0 || left < *again)
		*again = left;
}

static bool is_up(const struct unit *unit, bool is_hurried, int64_t *again)
{
	int64_t left = unit->entered + STEADY_MS - loop_now();

	if (unit->is_restarting || unit->is_reinstalling)
		return false;
	if (unit->component.state == COMPONENT_FINISHED)
		return true;
	if (unit->component.state != COMPONENT_RUNNING)
		return false;
	if (is_hurried || unit->main.kind != STEP_RUN || left <= 0)
		return true;
	sooner(again, left);
	return false;
}

static bool is_broken(const struct unit *unit)
{
	return unit->component.state == COMPONENT_BROKEN && !unit->is_reinstalling;
}

static bool is_asked_for(const struct deployer *deployer, const struct unit *unit)
{
	const struct document_change *change =
		document_find(&deployer->document, unit->service->name);

	return change && change->version;
}

/* One of an earlier deployment fails this one, too; whoever does not need it can take it away. */
static const char *remedy(const struct deployer *deployer, struct arena *arena,
			  const struct unit *unit)
{
	const char *const path[] = { "deployments", "groups", DOCUMENT_LOCAL_GROUP,
				     unit->service->name, NULL };

	if (is_asked_for(deployer, unit) ||
	    !configtree_find(&deployer->nucleus->config.tree.root, path))
		return "";
	return arena_printf(
		arena, "; it was deployed before: \"mooring deploy --remove %s\" takes it away",
		unit->service->name);
}

/* All that are BROKEN, those that were asked for first. */
static bool say_broken(const struct deployer *deployer, const struct texts *wanted,
		       struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *text = "";

	for (int is_other = 0; is_other <= 1; is_other++) {
		for (size_t i = 0; i < wanted->count; i++) {
			const struct unit *unit =
				supervisor_find(&deployer->nucleus->supervisor, wanted->items[i]);

			if (unit && is_broken(unit) && is_asked_for(deployer, unit) == !is_other)
				text = arena_printf(
					&arena, "%s%s%s is BROKEN: %s (see %s%s)", text,
					*text ? "; " : "", wanted->items[i],
					unit->status ? unit->status : "it has failed three times",
					nucleus_log(deployer->nucleus, &arena, wanted->items[i]),
					remedy(deployer, &arena, unit));
		}
	}
	return error_set(err, ERROR_SYSTEM, "%s", text);
}

/* What an earlier deployment brought is the news of this one only if there is no other: those that
 * still start may fail as well, and get a second for it. */
static bool is_final(const struct deployer *deployer, const struct unit *unit, int64_t *again)
{
	int64_t left = unit->entered + STEADY_MS - loop_now();

	if (left <= 0 || is_asked_for(deployer, unit))
		return true;
	sooner(again, left);
	return false;
}

enum activation_outcome activation_look(struct deployer *deployer, int64_t *again,
					struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts wanted = { 0 };
	size_t down = 0, pending = 0, broken = 0;
	bool has_failed = false;

	*again = 0;
	find_wanted(deployer, &arena, &wanted);
	for (size_t i = 0; i < wanted.count; i++) {
		const struct unit *unit =
			supervisor_find(&deployer->nucleus->supervisor, wanted.items[i]);

		if (unit && is_broken(unit)) {
			broken++;
			has_failed = is_final(deployer, unit, again) || has_failed;
		} else if (unit && !is_up(unit, deployer->is_hurried, again)) {
			down++;
			pending += !supervisor_is_blocked(unit);
		}
	}
	if (has_failed || (broken > 0 && pending == 0)) {
		say_broken(deployer, &wanted, err);
		return ACTIVATION_FAILED;
	}
	return broken + down > 0 ? ACTIVATION_PENDING : ACTIVATION_DONE;
}

/* -- what is not needed any more ----------------------------------------------------------------
 */

static void remove_service(struct deployer *deployer, const char *name)
{
	struct error err;

	if (!apply_service(deployer, name, &err)) {
		log_warning("%s", err.text);
		return;
	}
	supervisor_remove(supervisor_find(&deployer->nucleus->supervisor, name));
}

size_t activation_count_leaving(const struct deployer *deployer)
{
	const struct supervisor *supervisor = &deployer->nucleus->supervisor;
	size_t count = 0;

	for (size_t i = 0; i < supervisor->count; i++)
		count += supervisor->units[i]->wish == UNIT_REMOVE;
	return count;
}

/* For each service that nothing needs. */
static void each_unwanted(struct deployer *deployer,
			  void (*visit)(struct deployer *deployer, const char *name))
{
	const struct confignode *services = services_of(deployer);
	autoarena struct arena arena = { 0 };
	autotexts struct texts wanted = { 0 };

	find_wanted(deployer, &arena, &wanted);
	for (const struct confignode *node = services ? services->child : NULL, *next; node;
	     node = next) {
		next = node->next;
		if (configtree_child(node, "version") && !texts_has(&wanted, node->key))
			visit(deployer, node->key);
	}
}

static void forget_service(struct deployer *deployer, const char *name)
{
	const char *const path[] = { "services", name, NULL };

	nucleus_say(deployer->nucleus, "%s: removed", name);
	configtree_remove(tree_of(deployer), configtree_find(&tree_of(deployer)->root, path));
}

void activation_forget(struct deployer *deployer)
{
	each_unwanted(deployer, forget_service);
}

void activation_remove(struct deployer *deployer)
{
	each_unwanted(deployer, remove_service);
}
