/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/containerinspection.h"
#include "cli/inspection.h"
#include "cli/networkrows.h"
#include "cli/volumerows.h"
#include "engine/find.h"

struct values {
	const char *format, *type;
	bool has_sizes;
};

static const struct opt opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output using a custom template", NULL },
	{ "size", 's', OPT_BOOL, offsetof(struct values, has_sizes), NULL,
	  "Display total file sizes if the type is container", NULL },
	{ "type", 0, OPT_TEXT, offsetof(struct values, type), "string",
	  "Only inspect objects of the given type", NULL },
	{ .name = NULL },
};

static bool is_type_wanted(const struct values *values, const char *type)
{
	return !values->type || !*values->type || strcmp(values->type, type) == 0;
}

static bool add_container(struct engine *engine, struct arena *arena, struct json *objects,
			  const void *of, const char *name, struct error *err)
{
	const struct values *values = of;
	char id[CONTAINER_ID_LENGTH + 1];
	struct container container = { 0 };
	bool is_found = find_one(engine, name, id, err) &&
			container_read(engine, arena, id, &container, err);

	if (is_found)
		containerinspection_add(arena, objects, engine, &container, values->has_sizes);
	container_done(&container);
	return is_found;
}

static bool add_image(struct engine *engine, struct arena *arena, struct json *objects,
		      const char *name, struct error *err)
{
	struct store_image image;
	bool is_found = store_find(&engine->store, arena, name, &image, err);

	if (is_found)
		inspection_add_image(arena, objects, &engine->store, &image);
	return is_found;
}

static bool add_network(struct engine *engine, struct arena *arena, struct json *objects,
			const char *name, struct error *err)
{
	struct network network;
	bool is_found = network_find(engine, arena, name, &network, err);

	if (is_found)
		networkrows_inspect(engine, arena, objects, &network);
	return is_found;
}

static bool add_volume(struct engine *engine, struct arena *arena, struct json *objects,
		       const char *name, struct error *err)
{
	struct volume volume;
	bool is_found = volume_read(engine, arena, name, &volume, err);

	if (is_found)
		volumerows_inspect(arena, objects, &volume);
	return is_found;
}

/* Whatever has the name, in docker's order; with --type the one kind's own error tells why not. */
static bool add_any(struct engine *engine, struct arena *arena, struct json *objects,
		    const struct values *values, const char *name, struct error *err)
{
	static const struct {
		const char *type;
		bool (*add)(struct engine *engine, struct arena *arena, struct json *objects,
			    const char *name, struct error *err);
	} others[] = { { "image", add_image },
		       { "network", add_network },
		       { "volume", add_volume } };

	error_set(err, ERROR_NOT_FOUND, "%s %s not found", values->type ? values->type : "", name);
	if (is_type_wanted(values, "container") &&
	    add_container(engine, arena, objects, values, name, err))
		return true;
	if (err->kind == ERROR_CORRUPT)
		return false; /* it is there: nothing else is meant */
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		if (!is_type_wanted(values, others[i].type) ||
		    !others[i].add(engine, arena, objects, name, err))
			continue;
		if (values->has_sizes)
			fprintf(stderr, "WARNING: --size ignored for %s\n", others[i].type);
		return true;
	}
	return false;
}

static bool check_type(const struct values *values, struct error *err)
{
	/* Of half of them nothing can be here; docker knows them. */
	static const char *const known[] = {
		"config", "container", "image",   "network", "node",
		"plugin", "secret",    "service", "task",    "volume"
	};
	static const char list[] =
		"must be one of \"config\", \"container\", \"image\", \"network\", \"node\", "
		"\"plugin\", \"secret\", \"service\", \"task\", \"volume\"";

	if (!values->type)
		return true;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(values->type, known[i]) == 0)
			return true;
	return *values->type
		       ? error_set(err, ERROR_INPUT, "unknown type: \"%s\": %s", values->type, list)
		       : error_set(err, ERROR_INPUT, "type is empty: %s", list);
}

/* One message says it for all kinds. */
static int tell_missing(const struct values *values, const char *name, const struct error *err)
{
	if ((values->type && *values->type) || err->kind == ERROR_CORRUPT)
		return command_failed(err);
	fprintf(stderr, "Error: No such object: %s\n", name);
	return 1;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct json *objects = json_new(&arena, NULL, NULL, JSON_ARRAY, NULL);
	struct error err;
	int code = 0;

	if (!check_type(values, &err))
		return command_failed_plainly(&err);
	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		if (!add_any(&engine, &arena, objects, values, arguments->items[i], &err))
			code = tell_missing(values, arguments->items[i], &err);
	}
	return inspection_finish(values->format, objects, code);
}

static int run_container(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	const struct inspection inspection = { values->format, add_container, values };

	return inspection_run(cli, &inspection, arguments);
}

const struct command cmd_inspect = {
	.name = "docker inspect",
	.usage = "[OPTIONS] NAME|ID [NAME|ID...]",
	.summary = "Return low-level information on Docker objects",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};

const struct command cmd_container_inspect = {
	.name = "docker container inspect",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Display detailed information on one or more containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_container,
};
