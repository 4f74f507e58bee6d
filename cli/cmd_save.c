/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <unistd.h>

#include "cli/outputpath.h"
#include "engine/engine.h"
#include "engine/happening.h"
#include "image/archive.h"

struct values {
	const char *output, *platform;
};

static const struct opt opts[] = {
	{ "output", 'o', OPT_WORD, offsetof(struct values, output), "string",
	  "Write to a file, instead of STDOUT", NULL },
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Save only the given platform variant", NULL },
	{ .name = NULL },
};

/* What was saved is told of once it is: an image that has gone meanwhile is not. */
static void tell(const struct engine *engine, const struct texts *names)
{
	for (size_t i = 0; i < names->count; i++) {
		autoarena struct arena arena = { 0 };
		struct store_image image;
		struct error ignored;

		if (store_find(&engine->store, &arena, names->items[i], &image, &ignored))
			happening_image(engine, "save", image.id.text, image.id.text);
	}
}

static bool save_somewhere(const struct engine *engine, const struct texts *names,
			   const struct values *values, struct error *err)
{
	autooutput struct output output = OUTPUT_EMPTY;

	if (!output_open(values->output, &output, err))
		return error_in(err, "invalid output path");
	if (!image_save(&engine->store, names, values->platform, output.fd, err))
		return output_explain(&output, err) || error_in(err, "Error response from daemon");
	return output_finish(&output, err);
}

static bool save(const struct cli *cli, const struct values *values, const struct texts *names,
		 struct error *err)
{
	autoengine struct engine engine = ENGINE_EMPTY;

	if (!values->output && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_INPUT,
				 "cowardly refusing to save to a terminal. Use the -o flag or "
				 "redirect");
	if (values->output && !outputpath_check(values->output, err))
		return error_in(err, "failed to save image");
	if (!engine_open(cli->root, cli->run, &engine, err))
		return error_in(err, "Error response from daemon");
	if (!save_somewhere(&engine, names, values, err))
		return false;
	tell(&engine, names);
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	struct error err;

	return save(cli, values, arguments, &err) ? 0 : command_failed_plainly(&err);
}

const struct command cmd_save = {
	.name = "docker save",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};
