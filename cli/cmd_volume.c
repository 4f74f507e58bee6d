/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/filter.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "engine/container.h"
#include "engine/find.h"
#include "engine/volume.h"

/*
 * Volumes as far as `run -v NAME:…` makes them.
 */

struct values {
	bool is_quiet;
	struct texts filters;
	const char *format;
};

static const struct opt list_opts[] = {
	{ "filter", 'f', OPT_LIST, offsetof(struct values, filters), "filter",
	  "Provide filter values (e.g. 'name=…')", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-trunc", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL, "Only display names",
	  NULL },
	{ .name = NULL },
};

static bool is_wanted(const struct texts *filters, const char *name)
{
	size_t at = 0;
	const char *value = filter_next(filters, "name", &at);

	if (!value)
		return true;
	for (; value; value = filter_next(filters, "name", &at)) {
		if (strstr(name, value))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int run_ls(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const struct listing_field fields[] = { { "Driver", "DRIVER" },
						       { "Name", "VOLUME NAME" },
						       { "Scope", "SCOPE" },
						       { .name = NULL } };
	static const struct listing listing = { .fields = fields,
						.table = "{{.Driver}}\t{{.Name}}",
						.quiet = "{{.Name}}" };
	static const char *const filters[] = { "name", NULL };
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	autotexts struct texts names = { 0 };
	struct jsonmaker rows = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct error err;

	(void)arguments;
	if (!filter_names(&values->filters, filters, &err) ||
	    !engine_open(cli->root, cli->run, &engine, &err) ||
	    !volume_list(&engine, &arena, &names, &err))
		return command_failed(&err);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), compare);
	for (size_t i = 0; i < names.count; i++) {
		if (!is_wanted(&values->filters, names.items[i]))
			continue;
		struct jsonmaker row = jsonmaker_nested(&rows, NULL, JSON_OBJECT);
		jsonmaker_text(&row, "Driver", "local");
		jsonmaker_text(&row, "Name", names.items[i]);
		jsonmaker_text(&row, "Scope", "local");
	}
	return listing_print(&listing, values->format, values->is_quiet, rows.parent, &err)
		       ? 0
		       : command_failed_plainly(&err);
}

static int run_create(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const char *name = arguments->count ? arguments->items[0] : volume_anonymous_name(&arena);
	const char *path;
	struct error err;
	bool is_empty;

	(void)values;
	if (!find_is_name(name) || strlen(name) < 2) {
		error_set(&err, ERROR_INPUT,
			  strlen(name) < 2
				  ? "volume name is too short, names should be at least "
				    "two alphanumeric characters"
				  : "create %s: \"%s\" includes invalid characters for a "
				    "local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" "
				    "are allowed",
			  name, name);
		return command_failed(&err);
	}
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !volume_use(&engine, &arena, name, &path, &is_empty, &err))
		return command_failed(&err);
	puts(name);
	return 0;
}

/* The ID of a container that has it mounted; NULL: none. */
static const char *user_of(struct engine *engine, struct arena *arena, const char *volume)
{
	autotexts struct texts ids = { 0 };
	struct error ignored; /* what cannot be read uses nothing */
	const char *user = NULL;

	if (!find_all(engine, arena, &ids, &ignored))
		return NULL;
	for (size_t i = 0; i < ids.count && !user; i++) {
		struct container container = { 0 };

		if (container_read(engine, arena, ids.items[i], &container, &ignored)) {
			for (size_t j = 0; j < container.mount_count; j++) {
				const struct container_mount *mount = &container.mounts[j];

				if (mount->kind == MOUNT_VOLUME &&
				    strcmp(mount->source, volume) == 0)
					user = ids.items[i];
			}
		}
		container_done(&container);
	}
	return user;
}

static bool remove_one(struct engine *engine, struct arena *arena, const char *name,
		       struct error *err)
{
	const char *user = user_of(engine, arena, name);

	if (user)
		return error_set(err, ERROR_EXISTS, "remove %s: volume is in use - [%s]", name,
				 user);
	return volume_remove(engine, name, err);
}

struct rm_values {
	bool is_forced;
};

static const struct opt rm_opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct rm_values, is_forced), NULL,
	  "Force the removal of one or more volumes", NULL },
	{ .name = NULL },
};

static int run_rm(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct rm_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		bool is_done = remove_one(&engine, &arena, arguments->items[i], &err);

		if (is_done || (values->is_forced && err.kind == ERROR_NOT_FOUND))
			puts(arguments->items[i]);
		else
			code = command_failed(&err);
	}
	return code;
}

const struct command cmd_volume_ls = {
	.name = "docker volume ls",
	.usage = "[OPTIONS]",
	.summary = "List volumes",
	.opts = list_opts,
	.values_size = sizeof(struct values),
	.run = run_ls,
};

const struct command cmd_volume_create = {
	.name = "docker volume create",
	.usage = "[VOLUME]",
	.summary = "Create a volume",
	.most = 1,
	.run = run_create,
};

const struct command cmd_volume_rm = {
	.name = "docker volume rm",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.summary = "Remove one or more volumes",
	.opts = rm_opts,
	.values_size = sizeof(struct rm_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_rm,
};
