/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/mem.h"
#include "cli/credentials.h"
#include "cli/human.h"
#include "cli/progress.h"
#include "cli/storesettings.h"
#include "engine/engine.h"
#include "engine/happening.h"
#include "image/archive.h"
#include "image/pull.h"
#include "registry/reference.h"

struct values {
	const char *input, *platform;
	bool is_quiet;
};

static const struct opt opts[] = {
	{ "input", 'i', OPT_TEXT, offsetof(struct values, input), "string",
	  "Read from tar archive file, instead of STDIN", NULL },
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Load only the given platform variant", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Suppress the load output", NULL },
	{ .name = NULL },
};

struct view {
	const struct engine *engine;
	struct progress progress;
	bool shows_layers;
};

static void tell_image(const struct image_event *event)
{
	struct reference reference;
	struct error ignored;

	if (!event->reference || !reference_parse_bare(&reference, event->reference, &ignored)) {
		printf("Loaded image ID: %s\n", event->id);
		return;
	}
	autofree char *name = reference_familiar(&reference);

	if (event->replaced)
		printf("The image %s already exists, renaming the old one with ID %s to empty "
		       "string\n",
		       name, event->replaced);
	printf("Loaded image: %s\n", name);
}

static void on_event(void *context, const struct image_event *event)
{
	struct view *view = context;

	if (event->kind == IMAGE_READY) {
		tell_image(event);
		happening_image(view->engine, "load", event->id, event->id);
		view->progress.count = 0; /* the next image's layers are other lines */
	} else if (event->kind == IMAGE_LAYER && view->shows_layers) {
		progress_layer(&view->progress, event);
	} else if (event->kind == IMAGE_NOTICE) {
		progress_notice(&view->progress, event);
	}
	fflush(stdout);
}

static bool open_input(const char *name, int *fd, struct error *err)
{
	char why[HUMAN_MAX];

	*fd = caller_open(name, O_RDONLY | O_CLOEXEC, 0);
	if (*fd >= 0)
		return true;
	return error_set(err, error_kind_of(errno), "open %s: %s", name, human_errno(errno, why));
}

static bool is_object(const char *name)
{
	return name && strncmp(name, "s3://", 5) == 0;
}

static bool load_object(const struct cli *cli, const struct store *store,
			const struct values *values, const struct image_watcher *watcher,
			struct error *err)
{
	const struct credentials_places places = { .docker_config = cli->docker_config,
						   .config = cli->config,
						   .root = store->path };
	struct credentials credentials;

	if (!credentials_gather_s3(&places, &credentials, err))
		return false;

	const struct image_pull load = { .reference = values->input,
					 .platform = values->platform,
					 .settings = credentials.settings.data,
					 .learnt_fd = credentials.learnt_fd };
	bool is_good = image_load_object(store, &load, watcher, err);

	credentials_done(&places, &credentials);
	return is_good;
}

static bool load(const struct cli *cli, const struct values *values, int fd, struct error *err)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	struct view view = {
		.engine = &engine,
		.progress = { .out = stdout, .is_terminal = true, .kind = PROGRESS_LOAD },
		.shows_layers = !values->is_quiet && isatty(STDOUT_FILENO)
	};
	const struct image_watcher watcher = { .on_event = on_event, .context = &view };

	if (!engine_open(cli->root, cli->run, &engine, err) ||
	    !storesettings_read(cli->config, &engine.store, err))
		return false;
	if (is_object(values->input))
		return load_object(cli, &engine.store, values, &watcher, err);
	return image_load(&engine.store, fd, values->platform, &watcher, err);
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoclose int file = -1;
	struct error err;

	(void)arguments;
	if (values->input && !is_object(values->input) && !open_input(values->input, &file, &err))
		return command_failed_plainly(&err);
	if (!values->input && isatty(STDIN_FILENO)) {
		error_set(&err, ERROR_INPUT, "requested load from stdin, but stdin is empty");
		return command_failed_plainly(&err);
	}
	if (!load(cli, values, file >= 0 ? file : STDIN_FILENO, &err))
		return command_failed(&err);
	return 0;
}

const struct command cmd_load = {
	.name = "docker load",
	.usage = "[OPTIONS]",
	.summary = "Load an image from a tar archive or STDIN",
	.opts = opts,
	.values_size = sizeof(struct values),
	.run = run,
};
