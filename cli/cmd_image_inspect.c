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
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Inspect a specific platform of the multi-platform image", NULL },
	{ .name = NULL },
};

static bool add(struct engine *engine, struct arena *arena, struct json *objects, const void *of,
		const char *name, struct error *err)
{
	const struct values *values = of;
	struct store_image image;

	if (!store_find(&engine->store, arena, name, &image, err) ||
	    !store_check_platform(&image, name, values->platform, err))
		return false;
	inspection_add_image(arena, objects, &engine->store, &image);
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	const struct inspection inspection = { values->format, add, values };

	return inspection_run(cli, &inspection, arguments);
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
