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

static bool add_any(struct engine *engine, struct arena *arena, struct json *objects,
		    const struct values *values, const char *name)
{
	struct store_image image;
	struct network network;
	struct volume volume;
	struct error ignored; /* one message says it for all kinds */

	if (is_type_wanted(values, "container") &&
	    add_container(engine, arena, objects, values, name, &ignored))
		return true;
	if (is_type_wanted(values, "image") &&
	    store_find(&engine->store, arena, name, &image, &ignored)) {
		inspection_add_image(arena, objects, &engine->store, &image);
		return true;
	}
	if (is_type_wanted(values, "network") &&
	    network_find(engine, arena, name, &network, &ignored)) {
		networkrows_inspect(engine, arena, objects, &network);
		return true;
	}
	if (is_type_wanted(values, "volume") &&
	    volume_read(engine, arena, name, &volume, &ignored)) {
		volumerows_inspect(arena, objects, &volume);
		return true;
	}
	return false;
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

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		if (!add_any(&engine, &arena, objects, values, arguments->items[i])) {
			fprintf(stderr, "Error: No such object: %s\n", arguments->items[i]);
			code = 1;
		}
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
