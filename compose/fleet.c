/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compose/composer.h"
#include "engine/find.h"
#include "engine/health.h"

const char *fleet_label(const struct container *container, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < container->labels.count; i++) {
		const char *label = container->labels.items[i];

		if (strncmp(label, key, length) == 0 && label[length] == '=')
			return label + length + 1;
	}
	return "";
}

/* The same directory under two names is the same project. */
bool fleet_is_own(const struct project *project, const char *directory)
{
	struct stat own, other;

	if (project->is_named || !*directory || strcmp(directory, project->directory) == 0)
		return true;
	if (stat(directory, &other) < 0)
		return true; /* moved, or gone: nobody else will care for it */
	return stat(project->directory, &own) == 0 && own.st_dev == other.st_dev &&
	       own.st_ino == other.st_ino;
}

static void describe(const struct project *project, struct member *member)
{
	const struct container *container = &member->container;

	member->service = fleet_label(container, LABEL_SERVICE);
	member->hash = fleet_label(container, LABEL_HASH);
	member->number = atoi(fleet_label(container, LABEL_NUMBER));
	member->is_oneoff = strcmp(fleet_label(container, LABEL_ONEOFF), "True") == 0;
	member->is_stranger = !fleet_is_own(project, fleet_label(container, LABEL_DIRECTORY));
}

static int compare(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	int order = strcmp(one->service, other->service);

	if (order == 0)
		order = one->number - other->number;
	/* Two of a number: the newer one replaces the older one, and was interrupted. */
	return order ? order : strcmp(other->container.created, one->container.created);
}

/* One that is only just being made or removed is not there; a damaged one must not hide others. */
static bool add(struct fleet *fleet, const struct project *project, const char *id,
		struct error *err)
{
	struct member *member = &fleet->members[fleet->count];

	if (!container_read(&fleet->engine, &fleet->arena, id, &member->container, err)) {
		container_done(&member->container);
		return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CORRUPT;
	}
	if (strcmp(fleet_label(&member->container, LABEL_PROJECT), project->name) != 0) {
		container_done(&member->container);
		*member = (struct member){ 0 };
		return true;
	}
	describe(project, member);
	status_read(&fleet->engine, &fleet->arena, id, &member->status);
	fleet->count++;
	return true;
}

bool fleet_read(struct fleet *fleet, const struct composer *composer, const struct project *project,
		struct error *err)
{
	autotexts struct texts ids = { 0 };

	if (!engine_open(composer->cli.root, composer->cli.run, &fleet->engine, err) ||
	    !find_all(&fleet->engine, &fleet->arena, &ids, err))
		return false;
	fleet->members = arena_array(&fleet->arena, ids.count + 1, sizeof(*fleet->members));
	for (size_t i = 0; i < ids.count; i++) {
		if (!add(fleet, project, ids.items[i], err))
			return false;
	}
	qsort(fleet->members, fleet->count, sizeof(*fleet->members), compare);
	return true;
}

void fleet_refresh(struct fleet *fleet, struct member *member)
{
	member->status = (struct status){ 0 };
	status_read(&fleet->engine, &fleet->arena, member->container.id, &member->status);
}

void fleet_done(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		container_done(&fleet->members[i].container);
	engine_close(&fleet->engine);
	arena_done(&fleet->arena);
}

bool fleet_is_of(const struct member *member, const char *service)
{
	return !member->is_oneoff && !member->is_stranger && strcmp(member->service, service) == 0;
}

struct member *fleet_find(const struct fleet *fleet, const char *service, int number)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct member *member = &fleet->members[i];

		if (fleet_is_of(member, service) && member->number == number)
			return member;
	}
	return NULL;
}

bool fleet_is_up(const struct member *member)
{
	return member->status.state != STATUS_CREATED && member->status.state != STATUS_EXITED;
}

static bool is_orphan(const struct project *project, const struct member *member, bool has_oneoff)
{
	if (member->is_stranger || !project->tree)
		return false;
	if (member->is_oneoff)
		return has_oneoff && member->status.state == STATUS_EXITED;
	return !project_find(project, member->service);
}

struct member **fleet_orphans(struct fleet *fleet, const struct project *project, bool has_oneoff)
{
	struct member **orphans = arena_array(&fleet->arena, fleet->count + 1, sizeof(*orphans));
	size_t count = 0;

	for (size_t i = 0; i < fleet->count; i++) {
		struct member *member = &fleet->members[i];

		if (is_orphan(project, member, has_oneoff))
			orphans[count++] = member;
	}
	return orphans;
}

bool fleet_is_chosen(const struct project *project, const struct fleet_choice *choice,
		     const struct member *member)
{
	const struct texts *services = choice->services;

	if (member->is_stranger || (member->is_oneoff && !choice->has_oneoff) ||
	    (choice->index && member->number != choice->index))
		return false;
	if (services && services->count)
		return texts_has(services, member->service);
	return choice->has_orphans || !project->tree || project_find(project, member->service);
}

static int newest_first(const void *a, const void *b)
{
	const struct member *const *one = a, *const *other = b;

	return strcmp((*other)->container.created, (*one)->container.created);
}

struct member **fleet_choose(struct fleet *fleet, const struct project *project,
			     const struct fleet_choice *choice)
{
	struct member **chosen = arena_array(&fleet->arena, fleet->count + 1, sizeof(*chosen));
	size_t count = 0;

	for (size_t i = 0; i < fleet->count; i++) {
		if (fleet_is_chosen(project, choice, &fleet->members[i]))
			chosen[count++] = &fleet->members[i];
	}
	if (choice->is_by_age)
		qsort(chosen, count, sizeof(struct member *), newest_first);
	return chosen;
}

enum fleet_health fleet_health(const struct fleet *fleet, const char *id)
{
	static const enum fleet_health states[] = { [HEALTH_NONE] = FLEET_UNCHECKED,
						    [HEALTH_STARTING] = FLEET_STARTING,
						    [HEALTH_HEALTHY] = FLEET_HEALTHY,
						    [HEALTH_UNHEALTHY] = FLEET_UNHEALTHY };
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	struct health health = { 0 };
	struct status status = { 0 };
	struct error ignored; /* gone: it has no check any more */

	if (container_read(&fleet->engine, &arena, id, &container, &ignored)) {
		status_read(&fleet->engine, &arena, id, &status);
		health_read(&fleet->engine, &arena, &container, &status, &health);
	}
	container_done(&container);
	return states[health.state];
}
