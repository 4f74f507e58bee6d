/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/project.h"

#include <string.h>

#include "base/buf.h"
#include "compose/projectplace.h"
#include "compose/projectservice.h"
#include "compose/reading.h"
#include "compose/tree.h"

#define PROJECT_NAME "COMPOSE_PROJECT_NAME"

/* -- finding ------------------------------------------------------------------------------------
 */

struct service *project_find(const struct project *project, const char *name)
{
	for (size_t i = 0; i < project->service_count; i++) {
		if (strcmp(project->services[i].name, name) == 0)
			return &project->services[i];
	}
	return NULL;
}

static struct resource *find_resource(struct resource *resources, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(resources[i].key, key) == 0)
			return &resources[i];
	}
	return NULL;
}

struct resource *project_network(const struct project *project, const char *key)
{
	return find_resource(project->networks, project->network_count, key);
}

struct resource *project_volume(const struct project *project, const char *key)
{
	return find_resource(project->volumes, project->volume_count, key);
}

const char *project_container_name(struct arena *arena, const struct project *project,
				   const struct service *service, int number)
{
	if (service->container_name)
		return service->container_name;
	return arena_printf(arena, "%s%s%s%s%d", project->name, project->separator, service->name,
			    project->separator, number);
}

/* -- from the tree ------------------------------------------------------------------------------
 */

static void read_resources(struct project *project, const char *section, const char *extra,
			   struct resource **resources, size_t *count)
{
	struct json *tree = tree_find(project->tree, section);

	if (!tree)
		tree = tree_put(&project->arena, project->tree, section, JSON_OBJECT, NULL);
	if (extra && !tree_find(tree, extra))
		(void)tree_put(&project->arena, tree, extra, JSON_OBJECT, NULL);
	*resources = arena_array(&project->arena, tree->count + 1, sizeof(**resources));
	*count = 0;
	for (struct json *item = tree->child; item; item = item->next) {
		struct resource *resource = &(*resources)[(*count)++];
		const char *name = tree_text(item, "name");

		resource->key = item->key;
		resource->tree = item;
		resource->is_external = tree_bool(item, "external");
		resource->name = name                    ? name
				 : resource->is_external ? item->key
							 : arena_printf(&project->arena, "%s_%s",
									project->name, item->key);
	}
}

static bool is_active(const struct project *project, const struct project_request *request,
		      const char *profile)
{
	const char *listed = variables_get(&project->environment, "COMPOSE_PROFILES");
	size_t length = strlen(profile);

	if (texts_has(&request->profiles, profile) || texts_has(&request->profiles, "*"))
		return true;
	while (listed && *listed) {
		size_t next = strcspn(listed, ",");

		if ((next == length && strncmp(listed, profile, length) == 0) ||
		    (next == 1 && *listed == '*'))
			return true;
		listed += next + (listed[next] == ',');
	}
	return false;
}

/* A service that is asked for by name brings its profiles with it. */
static bool is_asked_for(const struct project *project, const struct project_request *request,
			 const char *profile)
{
	const struct json *services = json_get(project->tree, "services");

	for (size_t i = 0; i < request->services.count; i++) {
		const struct json *list =
			json_get(tree_find(services, request->services.items[i]), "profiles");

		for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
			if (strcmp(item->text, profile) == 0)
				return true;
		}
	}
	return false;
}

static bool is_enabled(const struct project *project, const struct project_request *request,
		       const struct json *service)
{
	const struct json *profiles = json_get(service, "profiles");

	if (!profiles || !profiles->child || request->wants_everything)
		return true;
	for (const struct json *item = profiles->child; item; item = item->next) {
		if (is_active(project, request, item->text) ||
		    is_asked_for(project, request, item->text))
			return true;
	}
	return false;
}

static bool has_resources(const struct project *project)
{
	return tree_find(project->tree, "networks") || tree_find(project->tree, "volumes");
}

static bool read_services(struct project *project, const struct project_request *request,
			  struct error *err)
{
	struct json *tree = tree_find(project->tree, "services");

	if (request->is_classic && has_resources(project) && (!tree || !tree->child))
		return true;
	if (!tree || !tree->child)
		return error_set(err, ERROR_INPUT,
				 "no service selected: there are no services in "
				 "the compose file");
	if (tree->count > PROJECT_SERVICES_MAX)
		return error_set(err, ERROR_INPUT, "more than %d services", PROJECT_SERVICES_MAX);
	tree_sort(tree);
	project->services = arena_array(&project->arena, tree->count, sizeof(*project->services));
	for (struct json *item = tree->child; item; item = item->next) {
		struct service *service = &project->services[project->service_count++];

		service->name = item->key;
		service->tree = item;
		service->is_enabled = is_enabled(project, request, item);
		if (!projectservice_read(project, service, err))
			return false;
	}
	return true;
}

/* -- cycles -------------------------------------------------------------------------------------
 */

enum visit {
	VISIT_NEW,
	VISIT_OPEN,
	VISIT_DONE
};

/* The services on the way to where we are, first to last. */
struct trail {
	unsigned char *visits; /* enum visit, of each service */
	size_t *steps;
	size_t count;
};

static bool tell_cycle(const struct project *project, const struct trail *trail, size_t again,
		       struct error *err)
{
	const char *const name = project->services[again].name;
	autobuf struct buf text;
	size_t i = 0;

	buf_init(&text, ERROR_TEXT_MAX);
	while (trail->steps[i] != again)
		i++;
	for (; i < trail->count; i++)
		buf_printf(&text, "%s -> ", project->services[trail->steps[i]].name);
	return error_set(err, ERROR_INPUT, "dependency cycle detected: %s%s",
			 text.length ? text.data : "", name);
}

static bool visit(const struct project *project, size_t index, struct trail *trail,
		  struct error *err)
{
	const struct service *service = &project->services[index];

	trail->visits[index] = VISIT_OPEN;
	trail->steps[trail->count++] = index;
	for (size_t i = 0; i < service->dependency_count; i++) {
		size_t next = service->dependencies[i].service;

		if (trail->visits[next] == VISIT_OPEN)
			return tell_cycle(project, trail, next, err);
		if (trail->visits[next] == VISIT_NEW && !visit(project, next, trail, err))
			return false;
	}
	trail->visits[index] = VISIT_DONE;
	trail->count--;
	return true;
}

/* As deep as there are services at most. */
static bool refuse_cycles(struct project *project, struct error *err)
{
	size_t count = project->service_count;
	struct trail trail = { .visits = arena_alloc(&project->arena, count + 1),
			       .steps = arena_array(&project->arena, count + 1, sizeof(size_t)) };

	for (size_t i = 0; i < count; i++) {
		if (trail.visits[i] == VISIT_NEW && !visit(project, i, &trail, err))
			return false;
	}
	return true;
}

static bool refuse_same_names(const struct project *project, struct error *err)
{
	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];

		for (size_t j = 0; j < i && service->container_name && service->is_enabled; j++) {
			const struct service *other = &project->services[j];

			if (other->is_enabled && other->container_name &&
			    strcmp(other->container_name, service->container_name) == 0)
				return error_set(err, ERROR_INPUT,
						 "\"services.%s\": container name \"%s\" is "
						 "already in use by \"services.%s\"",
						 service->name, service->container_name,
						 other->name);
		}
	}
	return true;
}

/* -- secrets and configs ------------------------------------------------------------------------
 */

static bool is_said(const struct json *file, const char *key)
{
	return tree_find(file, key) != NULL;
}

/* Where the text of a secret or config comes from: one place. */
static bool check_file(const struct json *file, bool is_secret, struct error *err)
{
	const char *const places = is_secret ? "file|environment" : "file|environment|content";
	int count = is_said(file, "file") + is_said(file, "environment") + is_said(file, "content");

	if (is_secret && is_said(file, "content"))
		return json_wrong(file, err, "additional properties 'content' not allowed");
	if (count > 1)
		return json_wrong(file, err, "%s attributes are mutually exclusive", places);
	return count == 1 || tree_bool(file, "external") || is_said(file, "driver") ||
	       json_wrong(file, err, "one of %s must be set", places);
}

static bool check_files(const struct project *project, struct error *err)
{
	static const char *const sections[] = { "secrets", "configs" };

	for (size_t i = 0; i < COUNT_OF(sections); i++) {
		const struct json *section = json_get(project->tree, sections[i]);

		for (const struct json *file = section ? section->child : NULL; file;
		     file = file->next) {
			if (!check_file(file, i == 0, err))
				return false;
		}
	}
	return true;
}

/* -- all of it ----------------------------------------------------------------------------------
 */

static bool is_in_use(const struct project *project, const char *network)
{
	for (size_t i = 0; i < project->service_count; i++) {
		if (tree_find(json_get(project->services[i].tree, "networks"), network))
			return true;
	}
	return strcmp(network, "default") == 0;
}

static void want(struct resource *resources, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* The default network is there for those who have no other. */
		if (resources[i].is_used || strcmp(resources[i].key, "default") != 0)
			resources[i].is_used = resources[i].is_wanted = true;
	}
}

/* 1 makes volumes all the same, and tells of networks. */
static void settle_unused(struct project *project, const struct project_request *request)
{
	const char *unused = "";

	if (request->is_classic || request->wants_resources)
		want(project->volumes, project->volume_count);
	if (request->wants_resources)
		want(project->networks, project->network_count);
	for (size_t i = 0; request->is_classic && i < project->network_count; i++) {
		const char *key = project->networks[i].key;

		if (!is_in_use(project, key))
			unused = arena_printf(&project->arena, "%s%s%s", unused,
					      *unused ? ", " : "", key);
	}
	if (*unused)
		texts_add(&project->warnings,
			  arena_printf(&project->arena,
				       "Some networks were defined but are not used by any "
				       "service: %s",
				       unused));
}

bool project_check(struct project *project, const struct project_request *request,
		   struct error *err)
{
	project->is_classic = request->is_classic;
	if (!read_services(project, request, err))
		return false;
	read_resources(project, "networks", "default", &project->networks, &project->network_count);
	read_resources(project, "volumes", NULL, &project->volumes, &project->volume_count);
	for (size_t i = 0; i < project->service_count; i++) {
		struct service *service = &project->services[i];

		if (!service->is_enabled)
			continue;
		if (!projectservice_environment(project, service, err) ||
		    !projectservice_dependencies(project, service, err) ||
		    !projectservice_resources(project, service, err) ||
		    !projectservice_hash(project, service, err))
			return false;
	}
	settle_unused(project, request);
	return check_files(project, err) && refuse_same_names(project, err) &&
	       refuse_cycles(project, err);
}

static void warn_of_unset(struct project *project, bool is_classic, const struct texts *unset)
{
	const char *quote = is_classic ? "" : "\"";

	for (size_t i = 0; i < unset->count; i++)
		texts_add(&project->warnings,
			  arena_printf(&project->arena,
				       "The %s%s%s variable is not set. Defaulting to a blank "
				       "string.",
				       quote, unset->items[i], quote));
}

static void set_separator(struct project *project, const struct project_request *request)
{
	bool is_compatible = request->is_compatible ||
			     variables_is_true(&project->environment, "COMPOSE_COMPATIBILITY");

	project->separator = is_compatible ? "_" : "-";
}

static bool read_files(struct project *project, const struct project_request *request,
		       const struct variables *environment, struct variable *name,
		       struct error *err)
{
	autotexts struct texts unset = { 0 };
	struct reading reading = { .arena = &project->arena,
				   .directory = project->directory,
				   .environment = request->keeps_variables ? NULL : environment,
				   .name = name,
				   .unset = &unset,
				   .takes_format1 = request->is_classic };
	bool is_good = reading_files(&reading, &project->files, &project->tree, err);

	warn_of_unset(project, request->is_classic, &unset);
	return is_good;
}

/* ${COMPOSE_PROJECT_NAME} in the files is the name that was given, or theirs, or the directory's.
 */
static bool read_named_files(struct project *project, const struct project_request *request,
			     struct error *err)
{
	bool has_name = projectplace_name(project, request, NULL, err);
	struct variable name = { PROJECT_NAME, project->name };
	const struct variables own = { .items = &name,
				       .count = has_name ? 1 : 0,
				       .next = &project->environment };

	return read_files(project, request, &own, has_name && !project->is_named ? &name : NULL,
			  err);
}

bool project_load(struct project *project, const struct project_request *request, struct error *err)
{
	if (!projectplace_find(project, request, true, err))
		return false;
	project->store = request->store;
	set_separator(project, request);
	if (!read_named_files(project, request, err) ||
	    !projectplace_name(project, request, project->tree, err))
		return false;
	/* `environment: [COMPOSE_PROJECT_NAME]` */
	(void)variables_set(&project->environment, PROJECT_NAME, project->name);
	return (request->keeps_variables || project_check(project, request, err));
}

bool project_load_name(struct project *project, const struct project_request *request,
		       struct error *err)
{
	if (!projectplace_find(project, request, false, err))
		return false;
	project->store = request->store;
	set_separator(project, request);
	return projectplace_name(project, request, NULL, err);
}

void project_done(struct project *project)
{
	texts_done(&project->files);
	texts_done(&project->warnings);
	variables_done(&project->environment);
	variables_done(&project->given);
	arena_done(&project->arena);
}
