/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "cli/shown.h"
#include "compose/fleet.h"
#include "compose/session.h"
#include "engine/find.h"

/* `ls`: the projects of all containers there are; no file is read. */

struct values {
	bool is_all, is_quiet;
	struct texts filters;
	const char *format;
};

static const struct opt opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Show all stopped Compose projects", NULL },
	{ "filter", 0, OPT_LIST, offsetof(struct values, filters), "filter",
	  "Filter output based on conditions provided (name=…)", NULL },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format the output. Values: [table | json]", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Only display project names", NULL },
	{ .name = NULL },
};

static const struct listing_field fields[] = {
	{ "Name", "NAME" },
	{ "Status", "STATUS" },
	{ "ConfigFiles", "CONFIG FILES" },
	{ .name = NULL },
};

static const struct listing listing = {
	.fields = fields,
	.table = "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}",
	.quiet = "{{.Name}}",
};

#define LIST_MAX (64 << 20) /* as JSON: labels are as long as their images have them */

/* What is told of one project. */
struct row {
	const char *name, *files;
	size_t counts[STATUS_EXITED + 1];
};

struct rows {
	struct engine engine;
	struct arena arena;
	struct row *items;
	size_t count;
};

static bool is_meant(const struct values *values, const char *name)
{
	for (size_t i = 0; i < values->filters.count; i++) {
		const char *filter = values->filters.items[i];

		if (strncmp(filter, "name=", 5) == 0 && !strstr(name, filter + 5))
			return false;
	}
	return true;
}

static struct row *row_for(struct rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (strcmp(rows->items[i].name, name) == 0)
			return &rows->items[i];
	}
	rows->items[rows->count].name = arena_strdup(&rows->arena, name);
	return &rows->items[rows->count++];
}

/* One that is damaged or only just being made does not hide the others. */
static void add(struct rows *rows, const struct values *values, const char *id)
{
	struct container container = { 0 };
	struct status status = { 0 };
	struct error ignored;

	if (container_read(&rows->engine, &rows->arena, id, &container, &ignored)) {
		const char *name = fleet_label(&container, LABEL_PROJECT);

		status_read(&rows->engine, &rows->arena, id, &status);
		if (*name && is_meant(values, name)) {
			struct row *row = row_for(rows, name);

			row->files =
				arena_strdup(&rows->arena, fleet_label(&container, LABEL_FILES));
			row->counts[status.state]++;
		}
	}
	container_done(&container);
}

/* "running(2)", "exited(1), running(1)" */
static const char *status_of(struct arena *arena, const struct row *row)
{
	static const enum status_state order[] = { STATUS_CREATED, STATUS_EXITED, STATUS_PAUSED,
						   STATUS_RESTARTING, STATUS_RUNNING };
	const char *text = "";

	for (size_t i = 0; i < COUNT_OF(order); i++) {
		if (row->counts[order[i]])
			text = arena_printf(arena, "%s%s%s(%zu)", text, *text ? ", " : "",
					    status_name(order[i]), row->counts[order[i]]);
	}
	return text;
}

static int compare(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	return strcmp(one->name, other->name);
}

/* One list, unlike ps. */
static bool print_json(const struct json *list, struct error *err)
{
	autoarena struct arena arena = { 0 };

	return jsonmaker_print(shown_json(&arena, list), LIST_MAX, "the list of projects", err);
}

static bool print(struct rows *rows, const struct values *values, struct error *err)
{
	struct jsonmaker list = { &rows->arena,
				  json_new(&rows->arena, NULL, NULL, JSON_ARRAY, NULL) };

	qsort(rows->items, rows->count, sizeof(*rows->items), compare);
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->items[i];

		if (!values->is_all && !row->counts[STATUS_RUNNING] &&
		    !row->counts[STATUS_PAUSED] && !row->counts[STATUS_RESTARTING])
			continue;

		struct jsonmaker item = jsonmaker_nested(&list, NULL, JSON_OBJECT);

		jsonmaker_text(&item, "Name", row->name);
		jsonmaker_text(&item, "Status", status_of(&rows->arena, row));
		jsonmaker_text(&item, "ConfigFiles", row->files);
	}
	if (values->format && strcmp(values->format, "json") == 0)
		return print_json(list.parent, err);
	return listing_print(&listing, values->format, values->is_quiet, list.parent, err);
}

static bool list_all(struct rows *rows, const struct cli *cli, const struct values *values,
		     struct error *err)
{
	autotexts struct texts ids = { 0 };

	if (!engine_open(cli->root, cli->run, &rows->engine, err) ||
	    !find_all(&rows->engine, &rows->arena, &ids, err))
		return false;
	rows->items = arena_array(&rows->arena, ids.count + 1, sizeof(*rows->items));
	for (size_t i = 0; i < ids.count; i++)
		add(rows, values, ids.items[i]);
	return print(rows, values, err);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct rows rows = { .engine = ENGINE_EMPTY };
	struct error err;
	int code = 0;

	(void)arguments;
	if (!list_all(&rows, cli, values, &err))
		code = composer_failed(composer_of(cli), &err);
	engine_close(&rows.engine);
	arena_done(&rows.arena);
	return code;
}

const struct command verb_ls = {
	.name = "docker compose ls",
	.usage = "[OPTIONS]",
	.summary = "List running compose projects",
	.opts = opts,
	.values_size = sizeof(struct values),
	.run = run,
};
