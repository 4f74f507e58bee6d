/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/upplan.h"

#include <stdlib.h>
#include <string.h>

#include "compose/tree.h"

struct maker {
	struct upplan *plan;
	struct project *project;
	struct fleet *fleet;
	const struct upplan_wishes *wishes;
	bool *is_renewed; /* by service: one of its containers is made anew */
	bool *is_done;    /* by service: its instances are there */
};

/* -- which services -----------------------------------------------------------------------------
 */

static void want(const struct project *project, size_t index, bool has_dependencies, bool *wanted)
{
	const struct service *service = &project->services[index];

	if (wanted[index])
		return;
	wanted[index] = true;
	for (size_t i = 0; has_dependencies && i < service->dependency_count; i++)
		want(project, service->dependencies[i].service, true, wanted);
}

bool *upplan_wanted(struct project *project, const struct texts *services,
		    bool is_without_dependencies)
{
	bool *wanted = arena_array(&project->arena, project->service_count + 1, sizeof(*wanted));

	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];
		bool is_named = services && texts_has(services, service->name);

		if (service->is_enabled && (!services || !services->count || is_named))
			want(project, i, !is_without_dependencies, wanted);
	}
	return wanted;
}

/* -- how many -----------------------------------------------------------------------------------
 */

static bool scale_of(const struct maker *maker, const struct service *service, int64_t *scale,
		     struct error *err)
{
	const struct texts *scales = maker->wishes->scales;
	size_t length = strlen(service->name);

	*scale = service->scale;
	for (size_t i = 0; scales && i < scales->count; i++) {
		const char *text = scales->items[i];
		char *end;

		if (strncmp(text, service->name, length) != 0 || text[length] != '=')
			continue;
		*scale = strtoll(text + length + 1, &end, 10);
		if (maker->project->is_classic && (!text[length + 1] || *end))
			return error_set(err, ERROR_INPUT,
					 "Number of containers for service \"%s\" is not a number",
					 service->name);
		if (!text[length + 1] || *end || *scale < 0 || *scale > PROJECT_SCALE_MAX)
			return error_set(err, ERROR_INPUT, "invalid --scale option \"%s\"", text);
	}
	return *scale <= 1 || !service->container_name ||
	       error_set(err, ERROR_INPUT,
			 "%sThe \"%s\" service is using the custom container name \"%s\". "
			 "Docker requires each container to have a unique name. Remove the "
			 "custom name to scale the service%s",
			 maker->project->is_classic ? "" : "WARNING: ", service->name,
			 service->container_name, maker->project->is_classic ? "." : "");
}

static bool check_scales(const struct maker *maker, struct error *err)
{
	const struct texts *scales = maker->wishes->scales;

	for (size_t i = 0; scales && i < scales->count; i++) {
		size_t length = strcspn(scales->items[i], "=");
		autofree char *name = mem_printf("%.*s", (int)length, scales->items[i]);

		if (maker->project->is_classic && !scales->items[i][length])
			return error_set(err, ERROR_INPUT,
					 "Arguments to scale should be in the form service=num");
		if (!scales->items[i][length])
			return error_set(err, ERROR_INPUT,
					 "invalid --scale option \"%s\": expected SERVICE=NUM",
					 scales->items[i]);
		if (!project_find(maker->project, name))
			return error_set(err, ERROR_NOT_FOUND, "no such service: %s", name);
	}
	return true;
}

/* -- what is to be done about one that is there -------------------------------------------------
 */

static bool has_changed(const struct maker *maker, const struct service *service,
			const struct member *member)
{
	const char *image = maker->wishes->image_id(maker->wishes->context, service);

	return strcmp(member->hash, service->hash) != 0 ||
	       (image && strcmp(image, member->container.image_id) != 0);
}

/* It lives in the namespaces, or with the volumes, of a container that will be another one. */
static bool leans_on_renewed(const struct maker *maker, const struct service *service)
{
	static const char *const keys[] = { "network_mode", "ipc", "pid" };
	const struct json *from = json_get(service->tree, "volumes_from");

	for (size_t i = 0; i < service->dependency_count; i++) {
		size_t index = service->dependencies[i].service;
		const char *name = maker->project->services[index].name;

		if (!maker->is_renewed[index])
			continue;
		for (size_t j = 0; j < COUNT_OF(keys); j++) {
			const char *mode = tree_text(service->tree, keys[j]);

			if (mode && strncmp(mode, "service:", 8) == 0 && !strcmp(mode + 8, name))
				return true;
		}
		for (const struct json *item = from ? from->child : NULL; item; item = item->next) {
			if (strcspn(item->text, ":") == strlen(name) &&
			    strncmp(item->text, name, strlen(name)) == 0)
				return true;
		}
	}
	return false;
}

static bool has_renewed_dependency(const struct maker *maker, const struct service *service,
				   bool is_restarting)
{
	for (size_t i = 0; i < service->dependency_count; i++) {
		const struct dependency *needed = &service->dependencies[i];

		if (maker->is_renewed[needed->service] && (needed->restarts || !is_restarting))
			return true;
	}
	return false;
}

/* 1 makes anew who has links, or is stopped, when what it needs is made. */
static bool is_due_with_1(const struct maker *maker, const struct service *service,
			  const struct member *member)
{
	bool has_links =
		json_get(service->tree, "links") && !tree_text(service->tree, "network_mode");

	return maker->project->is_classic && has_renewed_dependency(maker, service, false) &&
	       (has_links || !fleet_is_up(member));
}

static enum instance_action action_for(const struct maker *maker, const struct service *service,
				       const struct member *member)
{
	const struct upplan_wishes *wishes = maker->wishes;
	bool is_due = wishes->is_forced || has_changed(maker, service, member) ||
		      leans_on_renewed(maker, service) || is_due_with_1(maker, service, member) ||
		      (wishes->forces_others && has_renewed_dependency(maker, service, false));

	if (is_due && !wishes->is_unforced)
		return INSTANCE_RECREATE;
	if (!fleet_is_up(member))
		return INSTANCE_START;
	return has_renewed_dependency(maker, service, true) ? INSTANCE_RESTART : INSTANCE_KEEP;
}

/* -- one service --------------------------------------------------------------------------------
 */

static struct instance *add(const struct maker *maker, const struct service *service, int number,
			    enum instance_action action, struct member *member)
{
	struct instance *instance = &maker->plan->instances[maker->plan->count++];

	*instance = (struct instance){
		.service = service,
		.number = number,
		.member = member,
		.id = member ? arena_strdup(&maker->project->arena, member->container.id) : NULL,
		.action = action,
	};
	instance->name = action == INSTANCE_CREATE || action == INSTANCE_RECREATE
				 ? project_container_name(&maker->project->arena, maker->project,
							  service, number)
				 : member->container.name;
	if (action == INSTANCE_CREATE || action == INSTANCE_RECREATE)
		maker->is_renewed[service - maker->project->services] = true;
	return instance;
}

/* A name that another directory's project of the same name has is not ours to take. */
static bool check_strangers(const struct maker *maker, const struct instance *instance,
			    struct error *err)
{
	for (size_t i = 0; i < maker->fleet->count; i++) {
		const struct member *member = &maker->fleet->members[i];

		if (member->is_stranger && strcmp(member->container.name, instance->name) == 0)
			return error_set(
				err, ERROR_EXISTS,
				"service \"%s\": container %s belongs to another project of the "
				"name %s, that of %s: give this one a name of its own "
				"(COMPOSE_PROJECT_NAME, -p or a top-level name:)",
				instance->service->name, instance->name, maker->project->name,
				fleet_label(&member->container, LABEL_DIRECTORY));
	}
	return true;
}

static bool plan_service(const struct maker *maker, const struct service *service,
			 struct error *err)
{
	int64_t scale, have = 0;
	int highest = 0;

	if (!scale_of(maker, service, &scale, err))
		return false;
	for (size_t i = 0; i < maker->fleet->count; i++) {
		struct member *member = &maker->fleet->members[i];

		if (!fleet_is_of(member, service->name))
			continue;
		if (member->number > highest)
			highest = member->number;
		/* In the order of numbers: those beyond the scale are the highest. */
		(void)add(maker, service, member->number,
			  have < scale || maker->wishes->keeps_surplus
				  ? action_for(maker, service, member)
				  : INSTANCE_REMOVE,
			  member);
		have++;
	}
	for (; have < scale; have++) {
		const struct instance *instance =
			add(maker, service, ++highest, INSTANCE_CREATE, NULL);

		if (!check_strangers(maker, instance, err))
			return false;
	}
	return true;
}

/* Whom it leans on first: as deep as there are services at most, and there are no cycles. */
static bool plan_in_order(const struct maker *maker, size_t index, struct error *err)
{
	const struct service *service = &maker->project->services[index];

	if (maker->is_done[index] || !maker->plan->is_wanted[index])
		return true;
	maker->is_done[index] = true;
	for (size_t i = 0; i < service->dependency_count; i++) {
		if (!plan_in_order(maker, service->dependencies[i].service, err))
			return false;
	}
	return plan_service(maker, service, err);
}

bool upplan_make(struct upplan *plan, struct project *project, struct fleet *fleet,
		 const struct upplan_wishes *wishes, struct error *err)
{
	size_t most = fleet->count + 1;
	struct maker maker = {
		.plan = plan,
		.project = project,
		.fleet = fleet,
		.wishes = wishes,
		.is_renewed = arena_array(&project->arena, project->service_count + 1, 1),
		.is_done = arena_array(&project->arena, project->service_count + 1, 1),
	};

	if (!check_scales(&maker, err))
		return false;
	plan->is_wanted = upplan_wanted(project, wishes->services, wishes->is_without_dependencies);
	for (size_t i = 0; i < project->service_count; i++) {
		int64_t scale;

		if (!scale_of(&maker, &project->services[i], &scale, err))
			return false;
		most += (size_t)scale;
	}
	plan->instances = arena_array(&project->arena, most, sizeof(*plan->instances));
	for (size_t i = 0; i < project->service_count; i++) {
		if (!plan_in_order(&maker, i, err))
			return false;
	}
	return true;
}

static bool has_host_port(const struct service *service)
{
	const struct json *ports = tree_find(service->tree, "ports");

	for (const struct json *port = ports ? ports->child : NULL; port; port = port->next) {
		const char *published = tree_text(port, "published");

		if (published && *published && strcmp(published, "0") != 0)
			return true;
	}
	return false;
}

bool upplan_has_clash(const struct upplan *plan, const struct service *service)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->instances[i].service == service &&
			 plan->instances[i].action != INSTANCE_REMOVE;
	return count > 1 && has_host_port(service);
}
