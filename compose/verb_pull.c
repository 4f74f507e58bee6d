/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/human.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "compose/grid.h"
#include "compose/provision.h"
#include "compose/tree.h"
#include "compose/upplan.h"
#include "image/store.h"
#include "registry/reference.h"

#define LIST_MAX (16 << 20) /* bytes of `images --format json` */

/* pull and images: what services are made from. */

struct values {
	bool is_quiet, ignores_failures, has_dependencies, is_ignoring_buildable;
	const char *policy, *format;
};

static const struct opt pull_opts[] = {
	{ "ignore-buildable", 0, OPT_BOOL, offsetof(struct values, is_ignoring_buildable), NULL,
	  "Ignore images that can be built", NULL },
	{ "ignore-pull-failures", 0, OPT_BOOL, offsetof(struct values, ignores_failures), NULL,
	  "Pull what it can and ignores images with pull failures", NULL },
	{ "include-deps", 0, OPT_BOOL, offsetof(struct values, has_dependencies), NULL,
	  "Also pull services declared as dependencies", NULL },
	{ "no-parallel", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "parallel", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "policy", 0, OPT_TEXT, offsetof(struct values, policy), "string",
	  "Apply pull policy (\"missing\"|\"always\")", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Pull without printing progress information", NULL },
	{ .name = NULL },
};

static const struct opt images_opts[] = {
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format the output. Values: [table | json]", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL, "Only display IDs",
	  NULL },
	{ .name = NULL },
};

/* -- pull ---------------------------------------------------------------------------------------
 */

static bool is_latest(const struct service *service)
{
	const char *tag = strrchr(service->image, ':');

	return !tag || strchr(tag, '/') || strcmp(tag, ":latest") == 0;
}

/* Why it is not pulled; NULL: it is. 1 knows no policies of services. */
static const char *reason(struct session *session, const struct values *values,
			  const struct service *service)
{
	const char *policy = values->policy ? values->policy
			     : session->composer->is_classic
				     ? NULL
				     : tree_text(service->tree, "pull_policy");

	if (service->is_build_only)
		return "Skipped - No image to be pulled";
	if (policy && (strcmp(policy, "never") == 0 || strcmp(policy, "build") == 0))
		return "Skipped";
	if (policy && (strcmp(policy, "missing") == 0 || strcmp(policy, "if_not_present") == 0) &&
	    provision_image_id(session, service) && (values->policy || !is_latest(service)))
		return "Skipped - Image is already present locally";
	if (values->is_ignoring_buildable && json_get(service->tree, "build"))
		return "Skipped - Image can be built";
	return NULL;
}

/* The service whose image it has, too, is told. */
static void add_due(struct session *session, const struct values *values,
		    const struct service **due, size_t *count, const struct service *service)
{
	const char *why = reason(session, values, service);
	size_t before = *count;

	if (!why) {
		provision_add_pull(due, count, service);
		if (*count > before)
			return;
		for (size_t i = 0; i < *count; i++) {
			if (strcmp(due[i]->image, service->image) == 0)
				why = arena_printf(&session->fleet.arena,
						   "Skipped - Image is already being pulled by %s",
						   due[i]->name);
		}
	}
	if (why && !values->is_quiet)
		telling_state(&session->telling, "", service->name, why, TELLING_DONE);
}

static void tell_failure(const struct session *session, const struct service *service,
			 const struct error *err)
{
	if (session->composer->is_classic)
		fprintf(stderr, "\nERROR: for %s  %s\n", service->name, err->text);
	else
		fprintf(stderr, "%s\n", err->text);
}

static int pull_all(struct session *session, const struct values *values,
		    const struct texts *services)
{
	const struct project *project = &session->project;
	const bool *is_wanted = upplan_wanted(&session->project, services,
					      services->count && !values->has_dependencies);
	struct arena *arena = &session->fleet.arena;
	const struct service **due = arena_array(arena, project->service_count + 1, sizeof(*due));
	const struct provision_manner manner = { .is_quiet = values->is_quiet };
	size_t count = 0;

	for (size_t i = 0; i < project->service_count; i++) {
		if (is_wanted[i])
			add_due(session, values, due, &count, &project->services[i]);
	}

	struct error *errors = arena_array(arena, count + 1, sizeof(*errors));

	if (!count || provision_pull(session, due, count, &manner, errors))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (*errors[i].text)
			tell_failure(session, due[i], &errors[i]);
	}
	return values->ignores_failures ? 0 : 1;
}

static int run_pull(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosession struct session session = SESSION_EMPTY;
	struct error err;

	if (!session_open(&session, cli, COMPOSER_ACTIVE, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	return pull_all(&session, values, arguments);
}

/* -- images -------------------------------------------------------------------------------------
 */

static const struct listing_field fields[] = {
	{ "ContainerName", "CONTAINER" },
	{ "Repository", "REPOSITORY" },
	{ "Tag", "TAG" },
	{ "ID", "IMAGE ID" },
	{ "Size", "SIZE" },
	{ .name = NULL },
};

static const struct listing listing = {
	.fields = fields,
	.table = "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Size}}",
	.quiet = "{{.ID}}",
};

/* "busybox" and "test", of what the container was made from. */
static void split_name(struct arena *arena, const char *image, const char **repository,
		       const char **tag)
{
	struct reference reference;
	struct error ignored; /* made from an ID */

	*repository = *tag = "<none>";
	if (!reference_parse(&reference, image, &ignored))
		return;

	autofree char *familiar = reference_familiar(&reference);
	char *name = arena_strdup(arena, familiar);
	char *colon = strrchr(name, ':');

	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		*tag = colon + 1;
	}
	*repository = name;
}

/* 1 has it as "1.983 MB", 2 as docker does. */
static const char *size_text(struct arena *arena, int64_t bytes, bool is_classic)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	char text[HUMAN_MAX];
	double size = (double)bytes;
	size_t unit = 0;

	if (!is_classic)
		return arena_strdup(arena, human_size(bytes, 3, text));
	for (; size >= 1000 && unit + 1 < COUNT_OF(units); unit++)
		size /= 1000;
	return arena_printf(arena, "%.4g %s", size, units[unit]);
}

static void add_image(struct session *session, const struct jsonmaker *rows,
		      const struct member *member)
{
	struct arena *arena = &session->fleet.arena;
	struct jsonmaker row = jsonmaker_nested(rows, NULL, JSON_OBJECT);
	const char *id = strchr(member->container.image_id, ':') + 1, *repository, *tag;
	const char *size = "0B";
	struct store_image image;
	struct error ignored; /* removed by force */

	split_name(arena, member->container.image, &repository, &tag);
	if (store_find(&session->fleet.engine.store, arena, member->container.image_id, &image,
		       &ignored))
		size = size_text(arena, image.size, session->composer->is_classic);
	jsonmaker_text(&row, "ContainerName", member->container.name);
	jsonmaker_text(&row, "ID", arena_printf(arena, "%.12s", id));
	jsonmaker_text(&row, "Repository", repository);
	jsonmaker_text(&row, "Size", size);
	jsonmaker_text(&row, "Tag", tag);
}

static void print_classic(const struct json *rows)
{
	static const char *const headers[] = { "Container", "Repository", "Tag", "Image Id",
					       "Size" };
	autotexts struct texts cells = { 0 };

	texts_add_all(&cells, headers, COUNT_OF(headers));
	for (const struct json *row = rows->child; row; row = row->next) {
		for (const struct listing_field *field = fields; field->name; field++)
			texts_add(&cells, tree_text(row, field->name));
	}
	grid_print(&cells, COUNT_OF(headers), stdout);
}

/* Each once. */
static void print_ids(struct member **members)
{
	autotexts struct texts told = { 0 };

	for (; *members; members++) {
		const char *id = (*members)->container.image_id;

		if (texts_has(&told, id))
			continue;
		texts_add(&told, id);
		puts(strchr(id, ':') + 1);
	}
}

/* One list, unlike that of ps, with whole IDs and sizes in bytes. */
static bool print_list(struct session *session, struct member **members, struct error *err)
{
	struct arena *arena = &session->fleet.arena;
	struct jsonmaker list = { arena, json_new(arena, NULL, NULL, JSON_ARRAY, NULL) };

	for (; *members; members++) {
		const struct container *container = &(*members)->container;
		struct jsonmaker row = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		struct store_image image = { .size = 0 };
		const char *repository, *tag;
		struct error ignored; /* removed by force */

		(void)!store_find(&session->fleet.engine.store, arena, container->image_id, &image,
				  &ignored);
		split_name(arena, container->image, &repository, &tag);
		jsonmaker_text(&row, "ID", container->image_id);
		jsonmaker_text(&row, "ContainerName", container->name);
		jsonmaker_text(&row, "Repository", repository);
		jsonmaker_text(&row, "Tag", tag);
		jsonmaker_number(&row, "Size", image.size);
	}
	return jsonmaker_print(list.parent, LIST_MAX, "the list of images", err);
}

static int run_images(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	const struct fleet_choice choice = { .services = arguments, .has_oneoff = true };
	struct error err;

	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);

	bool is_classic = composer_of(cli)->is_classic;
	struct arena *arena = &session.fleet.arena;
	struct member **members = fleet_choose(&session.fleet, &session.project, &choice);
	struct jsonmaker rows = { arena, json_new(arena, NULL, NULL, JSON_ARRAY, NULL) };

	if (values->is_quiet) {
		print_ids(members);
		return 0;
	}
	if (!is_classic && values->format && strcmp(values->format, "json") == 0)
		return print_list(&session, members, &err)
			       ? 0
			       : composer_failed(composer_of(cli), &err);
	for (; *members; members++) {
		/* As in `ps` of 1. */
		if (!is_classic || !(*members)->is_oneoff || fleet_is_up(*members))
			add_image(&session, &rows, *members);
	}
	if (is_classic && !values->format)
		print_classic(rows.parent);
	else if (!listing_print(&listing, values->format, false, rows.parent, &err))
		return composer_failed(composer_of(cli), &err);
	return 0;
}

const struct command verb_pull = {
	.name = "docker compose pull",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Pull service images",
	.opts = pull_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_pull,
};

const struct command verb_images = {
	.name = "docker compose images",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "List images used by the created containers",
	.opts = images_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_images,
};
