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
			  const struct values *values, const char *name, struct error *err)
{
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
	if (is_type_wanted(values, "container") &&
	    add_container(engine, arena, objects, values, name, err))
		return true;
	if (is_type_wanted(values, "image") && add_image(engine, arena, objects, name, err))
		return true;
	if (is_type_wanted(values, "network") && add_network(engine, arena, objects, name, err))
		return true;
	return is_type_wanted(values, "volume") && add_volume(engine, arena, objects, name, err);
}

static bool check_type(const struct values *values, struct error *err)
{
	static const char *const known[] = { "container", "image", "network", "volume" };

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (is_type_wanted(values, known[i]))
			return true;
	return error_set(err, ERROR_INPUT, "\"%s\" is not a valid value for --type", values->type);
}

/* One message says it for all kinds. */
static int tell_missing(const struct values *values, const char *name, const struct error *err)
{
	if (values->type && *values->type)
		return command_failed(err);
	fprintf(stderr, "Error: No such object: %s\n", name);
	return 1;
}

static int finish(const struct values *values, struct json *objects, int code)
{
	fflush(stderr);
	return inspection_finish(values->format, objects, code);
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
	return finish(values, objects, code);
}

static int run_container(const struct cli *cli, const void *of, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct json *objects = json_new(&arena, NULL, NULL, JSON_ARRAY, NULL);
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		if (!add_container(&engine, &arena, objects, of, arguments->items[i], &err))
			code = command_failed(&err);
	}
	return finish(of, objects, code);
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
