/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/upplan.h"

#include <string.h>

#include "compose/reading.h"
#include "tests/unit/tap.h"

/* What `up` does to each container, and why. */

static const char file[] =
	"services:\n"
	"  db: {image: db}\n"
	"  cache: {image: cache, network_mode: 'service:db'}\n"
	"  data: {image: data, volumes_from: [db]}\n"
	"  app: {image: app, depends_on: {db: {condition: service_started, restart: true}}}\n"
	"  web: {image: web, depends_on: [db], scale: 2}\n"
	"  debug: {image: debug, profiles: [debug]}\n";

/* A container that is there: "SERVICE NUMBER STATE [what is other than wanted]". */
static const struct {
	const char *why;
	const char *containers[8]; /* in the order of services and numbers */
	struct upplan_wishes wishes;
	bool is_absent;       /* no image is here */
	const char *services; /* named, blanks between them; NULL: none */
	const char *scale;
	const char *wanted;
} cases[] = {
	{ .why = "nothing is there: what others need comes first",
	  .wanted = "db-1:create app-1:create cache-1:create data-1:create web-1:create "
		    "web-2:create" },
	{ .why = "all is as it should be",
	  .containers = { "app 1 up", "cache 1 up", "data 1 up", "db 1 up", "web 1 up",
			  "web 2 up" },
	  .wanted = "db-1:keep app-1:keep cache-1:keep data-1:keep web-1:keep web-2:keep" },
	{ .why = "what has ended, or never began, is started",
	  .containers = { "db 1 ended", "web 1 created", "web 2 up" },
	  .services = "web",
	  .wanted = "db-1:start web-1:start web-2:keep" },
	{ .why = "another configuration: whoever lives in it or with its volumes is made anew, who "
		 "asks for it restarted, others are left alone",
	  .containers = { "app 1 up", "cache 1 up", "data 1 ended", "db 1 up hash", "web 1 up",
			  "web 2 up" },
	  .wanted = "db-1:recreate app-1:restart cache-1:recreate data-1:recreate web-1:keep "
		    "web-2:keep" },
	{ .why = "another image of the same name",
	  .containers = { "db 1 up image" },
	  .services = "db",
	  .wanted = "db-1:recreate" },
	{ .why = "an image that is not here is no other one",
	  .containers = { "db 1 up" },
	  .services = "db",
	  .is_absent = true,
	  .wanted = "db-1:keep" },
	{ .why = "--no-recreate",
	  .containers = { "db 1 up hash" },
	  .services = "db",
	  .wishes = { .is_unforced = true },
	  .wanted = "db-1:keep" },
	{ .why = "--force-recreate",
	  .containers = { "app 1 up", "db 1 up" },
	  .services = "app",
	  .wishes = { .is_forced = true },
	  .wanted = "db-1:recreate app-1:recreate" },
	{ .why = "--no-deps",
	  .containers = { "app 1 up hash", "db 1 up hash" },
	  .services = "app",
	  .wishes = { .is_without_dependencies = true },
	  .wanted = "app-1:recreate" },
	{ .why = "--always-recreate-deps",
	  .containers = { "db 1 up hash", "web 1 up", "web 2 up" },
	  .services = "web",
	  .wishes = { .forces_others = true },
	  .wanted = "db-1:recreate web-1:recreate web-2:recreate" },
	{ .why = "one that has ended is not restarted with what it needs, but started",
	  .containers = { "app 1 ended", "db 1 up hash" },
	  .services = "app",
	  .wanted = "db-1:recreate app-1:start" },
	{ .why = "too many: the highest numbers go",
	  .containers = { "db 1 up", "web 1 up", "web 4 up", "web 5 ended" },
	  .services = "web",
	  .wanted = "db-1:keep web-1:keep web-4:keep web-5:remove" },
	{ .why = "--scale up goes on after the highest",
	  .containers = { "db 1 up", "web 3 up", "web 4 up" },
	  .services = "web",
	  .scale = "web=3",
	  .wanted = "db-1:keep web-3:keep web-4:keep web-5:create" },
	{ .why = "--scale to nothing",
	  .containers = { "db 1 up" },
	  .services = "db",
	  .scale = "db=0",
	  .wanted = "db-1:remove" },
	{ .why = "one-off containers, strangers and orphans are not the plan's",
	  .containers = { "db 1 up oneoff", "db 2 up stranger", "gone 1 up" },
	  .services = "db",
	  .wanted = "db-1:create" },
	{ .why = "a service of a profile, because it is named",
	  .services = "debug",
	  .wanted = "debug-1:create" },
};

static const struct {
	const char *containers[2], *scale, *message;
} bad[] = {
	{ { NULL }, "db", "expected SERVICE=NUM" },
	{ { NULL }, "db=", "invalid --scale option" },
	{ { NULL }, "db=-1", "invalid --scale option" },
	{ { NULL }, "db=1001", "invalid --scale option" },
	{ { NULL }, "nope=1", "no such service: nope" },
	{ { "db 1 up stranger" }, NULL, "container p-db-1 belongs to another project" },
};

static bool load(struct project *project, const char *services, struct texts *named,
		 struct error *err)
{
	struct project_request request = { .name = "p" };
	struct reading reading = { .arena = &project->arena,
				   .directory = "/d",
				   .environment = &project->environment };

	project->name = "p";
	project->separator = "-";
	project->directory = "/d";
	for (char *rest = arena_strdup(&project->arena, services ? services : ""), *name;
	     (name = strsep(&rest, " "));) {
		if (*name)
			texts_add(named, name);
	}
	request.services = *named;
	return reading_text(&reading, "file", file, strlen(file), &project->tree, err) &&
	       project_check(project, &request, err);
}

static const char *image_id(void *context, const struct service *service)
{
	const bool *is_absent = context;

	return is_absent && *is_absent ? NULL : service->image;
}

static void describe(struct project *project, const char *text, struct member *member)
{
	char service[16], state[16], odd[16] = "";
	const struct service *known;

	(void)sscanf(text, "%15s %d %15s %15s", service, &member->number, state, odd);
	known = project_find(project, service);
	member->service = arena_strdup(&project->arena, service);
	member->hash = known && strcmp(odd, "hash") != 0 ? known->hash : "other";
	member->is_oneoff = strcmp(odd, "oneoff") == 0;
	member->is_stranger = strcmp(odd, "stranger") == 0;
	member->status.state = strcmp(state, "up") == 0      ? STATUS_RUNNING
			       : strcmp(state, "ended") == 0 ? STATUS_EXITED
							     : STATUS_CREATED;
	member->container.image_id = known && strcmp(odd, "image") != 0 ? known->image : "other";
	member->container.id = "id";
	member->container.name = arena_printf(&project->arena, "p-%s-%d", service, member->number);
}

static void fill(struct fleet *fleet, struct project *project, const char *const *containers,
		 size_t most)
{
	fleet->members = arena_array(&project->arena, most, sizeof(*fleet->members));
	while (fleet->count < most && containers[fleet->count]) {
		describe(project, containers[fleet->count], &fleet->members[fleet->count]);
		fleet->count++;
	}
}

static const char *shown(struct arena *arena, const struct upplan *plan)
{
	static const char *const words[] = {
		[INSTANCE_KEEP] = "keep",         [INSTANCE_START] = "start",
		[INSTANCE_RESTART] = "restart",   [INSTANCE_CREATE] = "create",
		[INSTANCE_RECREATE] = "recreate", [INSTANCE_REMOVE] = "remove",
	};
	const char *text = "";

	for (size_t i = 0; i < plan->count; i++)
		text = arena_printf(arena, "%s%s%s:%s", text, i ? " " : "",
				    plan->instances[i].name + strlen("p-"),
				    words[plan->instances[i].action]);
	return text;
}

static void check_case(size_t i)
{
	autoproject struct project project = { 0 };
	autotexts struct texts named = { 0 }, scales = { 0 };
	struct fleet fleet = FLEET_EMPTY; /* its members own nothing here */
	struct upplan_wishes wishes = cases[i].wishes;
	struct upplan plan = { 0 };
	bool is_absent = cases[i].is_absent;
	struct error err;

	if (!check_ok(load(&project, cases[i].services, &named, &err), &err, "the file"))
		return;
	fill(&fleet, &project, cases[i].containers, COUNT_OF(cases[i].containers));
	if (cases[i].scale)
		texts_add(&scales, cases[i].scale);
	wishes.services = &named;
	wishes.scales = &scales;
	wishes.image_id = image_id;
	wishes.context = &is_absent;
	if (check_ok(upplan_make(&plan, &project, &fleet, &wishes, &err), &err, "%s", cases[i].why))
		check_text(shown(&project.arena, &plan), cases[i].wanted, "%s", cases[i].why);
}

static void check_bad(size_t i)
{
	autoproject struct project project = { 0 };
	autotexts struct texts named = { 0 }, scales = { 0 };
	struct fleet fleet = FLEET_EMPTY;
	struct upplan_wishes wishes = { .services = &named,
					.scales = &scales,
					.image_id = image_id };
	struct upplan plan = { 0 };
	struct error err;

	if (!check_ok(load(&project, NULL, &named, &err), &err, "the file"))
		return;
	fill(&fleet, &project, bad[i].containers, COUNT_OF(bad[i].containers));
	if (bad[i].scale)
		texts_add(&scales, bad[i].scale);
	check(!upplan_make(&plan, &project, &fleet, &wishes, &err), "refused: %s", bad[i].message);
	check(strstr(err.text, bad[i].message) != NULL, "%s: %s", bad[i].message, err.text);
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check_case(i);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_bad(i);
	return tap_done();
}
