/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include "base/mem.h"
#include "cli/inspection.h"
#include "engine/engine.h"

struct values {
	const char *format, *platform;
};

static const struct opt opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output using a custom template", NULL },
	{ "platform", 0, OPT_TEXT, offsetof(struct values, platform), "string",
	  "Inspect a specific platform of the multi-platform image", NULL },
	{ .name = NULL },
};

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
		const char *name = arguments->items[i];
		struct store_image image;

		if (store_find(&engine.store, &arena, name, &image, &err) &&
		    store_check_platform(&image, name, values->platform, &err))
			inspection_add_image(&arena, objects, &engine.store, &image);
		else
			code = command_failed(&err);
	}
	return inspection_finish(values->format, objects, code);
}

const struct command cmd_image_inspect = {
	.name = "docker image inspect",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.summary = "Display detailed information on one or more images",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};
