/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/mem.h"
#include "cli/human.h"
#include "cli/outputpath.h"
#include "engine/engine.h"
#include "engine/happening.h"
#include "image/archive.h"

struct values {
	const char *output, *platform;
};

static const struct opt opts[] = {
	{ "output", 'o', OPT_TEXT, offsetof(struct values, output), "string",
	  "Write to a file, instead of STDOUT", NULL },
	{ "platform", 0, OPT_TEXT, offsetof(struct values, platform), "string",
	  "Save only the given platform variant", NULL },
	{ .name = NULL },
};

static bool refuse_path(const char *path, struct error *err)
{
	char why[HUMAN_MAX];

	return error_set(err, error_kind_of(errno), "invalid output path: open %s: %s", path,
			 human_errno(errno, why));
}

/* A pipe is written as it is; a regular file appears whole or not at all. */
static bool is_stream(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static bool save_to_stream(const struct engine *engine, const struct texts *names,
			   const struct values *values, struct error *err)
{
	autoclose int fd = caller_open(values->output, O_WRONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return refuse_path(values->output, err);
	return image_save(&engine->store, names, values->platform, fd, err) ||
	       error_in(err, "Error response from daemon");
}

static int make_beside(char *beside)
{
	caller_enter();
	int fd = mkostemp(beside, O_CLOEXEC);

	caller_leave();
	return fd;
}

static bool put_in_place(const char *beside, const char *path)
{
	caller_enter();
	bool is_done = rename(beside, path) == 0;

	caller_leave();
	return is_done;
}

static void remove_beside(const char *beside)
{
	caller_enter();
	unlink(beside);
	caller_leave();
}

static bool save_to_file(const struct engine *engine, const struct texts *names,
			 const struct values *values, struct error *err)
{
	const char *path = values->output;
	autofree char *beside = mem_printf("%s.tmp-XXXXXX", path);
	autoclose int fd = make_beside(beside);
	mode_t mask = umask(0);

	umask(mask);
	if (fd < 0)
		return refuse_path(path, err);
	if (!image_save(&engine->store, names, values->platform, fd, err))
		error_in(err, "Error response from daemon");
	else if (fchmod(fd, 0600 & ~mask) < 0 || !put_in_place(beside, path))
		error_sys(err, "write %s", path);
	else
		return true;
	remove_beside(beside);
	return false;
}

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
	if (!values->output)
		return image_save(&engine->store, names, values->platform, STDOUT_FILENO, err) ||
		       error_in(err, "Error response from daemon");
	if (is_stream(values->output))
		return save_to_stream(engine, names, values, err);
	return save_to_file(engine, names, values, err);
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
