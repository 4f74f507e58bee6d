/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/lender.h"

#include <string.h>

#include "compose/uprun.h"

static bool has_container(const struct fleet *fleet, const char *service)
{
	for (size_t i = 0; i < fleet->count; i++) {
		if (fleet_is_of(&fleet->members[i], service))
			return true;
	}
	return false;
}

/* The services in `volumes_from` of those that are named. */
static void find_missing(struct session *session, const struct texts *services,
			 struct texts *missing)
{
	for (size_t i = 0; i < services->count; i++) {
		const struct service *service = project_find(&session->project, services->items[i]);
		const struct json *list = service ? json_get(service->tree, "volumes_from") : NULL;

		for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
			const char *name = arena_strndup(&session->project.arena, item->text,
							 strcspn(item->text, ":"));

			if (project_find(&session->project, name) && !texts_has(services, name) &&
			    !texts_has(missing, name) && !has_container(&session->fleet, name))
				texts_add(missing, name);
		}
	}
}

bool lender_create(struct session *session, const struct texts *services, int *code)
{
	autotexts struct texts missing = { 0 };
	const struct uprun_wishes wishes = {
		.plan = { .services = &missing,
			  .is_without_dependencies = true,
			  .is_unforced = true },
		.stop_seconds = -1,
		.is_unstarted = true,
		.ignores_orphans = true,
	};
	struct upplan plan;
	struct error err;

	if (session->composer->is_classic)
		find_missing(session, services, &missing);
	if (!missing.count)
		return true;
	/* As deep as services need each other at most, and there are no cycles. */
	if (!lender_create(session, &missing, code) || !uprun(session, &wishes, &plan, code))
		return false;
	if (session_look_again(session, &err))
		return true;
	*code = composer_failed(session->composer, &err);
	return false;
}
