/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/clock.h"
#include "cli/human.h"
#include "cli/imagechange.h"
#include "cli/single.h"
#include "cli/storesettings.h"
#include "engine/happening.h"
#include "engine/standstill.h"
#include "engine/status.h"
#include "engine/tree.h"
#include "image/build.h"
#include "registry/platform.h"
#include "registry/reference.h"

/*
 * commit and import: an image of what a container has changed, or of an archive.
 */

struct values {
	const char *author, *message, *platform;
	struct texts changes;
	bool is_running_on; /* --pause=false */
};

static const struct opt commit_opts[] = {
	{ "author", 'a', OPT_TEXT, offsetof(struct values, author), "string",
	  "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")", NULL },
	{ "change", 'c', OPT_LIST, offsetof(struct values, changes), "list",
	  "Apply Dockerfile instruction to the created image", imagechange_check },
	{ "message", 'm', OPT_TEXT, offsetof(struct values, message), "string", "Commit message",
	  NULL },
	{ "pause", 'p', OPT_UNLESS, offsetof(struct values, is_running_on), NULL,
	  "Pause container during commit (default true)", NULL },
	{ .name = NULL },
};

static const struct opt import_opts[] = {
	{ "change", 'c', OPT_LIST, offsetof(struct values, changes), "list",
	  "Apply Dockerfile instruction to the created image", imagechange_check },
	{ "message", 'm', OPT_TEXT, offsetof(struct values, message), "string",
	  "Set commit message for imported image", NULL },
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Set platform if server is multi-platform capable", NULL },
	{ .name = NULL },
};

/* The canonical name, or NULL if none was given. */
static bool read_name(struct arena *arena, const struct texts *arguments, const char **name,
		      struct error *err)
{
	struct reference reference;

	*name = NULL;
	if (arguments->count < 2)
		return true;
	if (!reference_parse(&reference, arguments->items[1], err))
		return false;
	if (!digest_is_empty(&reference.digest))
		return error_set(err, ERROR_INPUT,
				 "refusing to create a tag with a digest reference");
	autofree char *text = reference_text(&reference);
	*name = arena_strdup(arena, text);
	return true;
}

static bool build(const struct engine *engine, const struct image_build *wishes, struct digest *id,
		  struct error *err)
{
	if (!image_build(&engine->store, wishes, id, err))
		return false;
	printf("%s\n", id->text);
	return true;
}

/* commit. ------------------------------------------------------------------------------------- */

static void take_labels(const struct texts *pairs, struct arena *arena, struct image_config *config)
{
	struct image_label *labels = arena_array(arena, pairs->count + 1, sizeof(*labels));

	for (size_t i = 0; i < pairs->count; i++) {
		size_t length = strcspn(pairs->items[i], "=");

		labels[i].key = arena_strndup(arena, pairs->items[i], length);
		labels[i].value = pairs->items[i] + length + (pairs->items[i][length] == '=');
	}
	config->labels = labels;
	config->label_count = pairs->count;
}

static void take_volumes(const struct container *container, struct arena *arena,
			 struct image_config *config)
{
	const struct texts *own = &container->volumes;
	const char **volumes =
		arena_array(arena, config->volume_count + own->count + 1, sizeof(*volumes));
	size_t count = config->volume_count;

	if (count)
		memcpy(volumes, config->volumes, count * sizeof(*volumes));
	for (size_t i = 0; i < own->count; i++) {
		bool is_known = false;

		for (size_t j = 0; j < count; j++)
			is_known |= strcmp(volumes[j], own->items[i]) == 0;
		if (!is_known)
			volumes[count++] = own->items[i];
	}
	config->volumes = volumes;
	config->volume_count = count;
}

static void take_healthcheck(const struct container *container, struct image_config *config)
{
	if (!container->health_test.count)
		return;
	config->healthcheck = (struct image_healthcheck){
		.test = container->health_test.items,
		.test_count = container->health_test.count,
		.interval = container->health_interval,
		.timeout = container->health_timeout,
		.start_period = container->health_start_period,
		.start_interval = container->health_start_interval,
		.retries = container->health_retries,
	};
}

/* What the container was made with is what containers of the new image get. */
static void take_options(const struct container *container, struct arena *arena,
			 struct image_config *config)
{
	config->env = container->env.items;
	config->env_count = container->env.count;
	config->entrypoint = container->entrypoint.items;
	config->entrypoint_count = container->entrypoint.count;
	config->cmd = container->command.items;
	config->cmd_count = container->command.count;
	config->user = container->user;
	config->working_dir = container->workdir;
	config->stop_signal = *container->stop_signal ? container->stop_signal : NULL;
	config->exposed_ports = container->exposed_ports.items;
	config->exposed_port_count = container->exposed_ports.count;
	config->created = clock_now_text(arena);
	config->on_build = NULL; /* they were done, or will be, on the image itself */
	config->on_build_count = 0;
	take_healthcheck(container, config);
	take_labels(&container->labels, arena, config);
	take_volumes(container, arena, config);
}

static const char *command_line(const struct container *container, struct arena *arena)
{
	autotexts struct texts argv = { 0 };

	container_argv(container, &argv);
	return texts_join(&argv, arena, " ");
}

static bool commit_still(struct single *single, const struct values *values, const char *name,
			 struct digest *id, struct error *err)
{
	const struct container *container = &single->container;
	struct arena *arena = &single->arena;
	struct store_image image;
	struct digest parent;

	if (!digest_parse(&parent, container->image_id, err) ||
	    !store_get(&single->engine.store, arena, &parent, &image, err))
		return false;
	const char *upper =
		arena_printf(arena, "%s/containers/%s/upper", single->engine.root, container->id);
	autoclose int layer = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer < 0)
		return error_sys(err, "open %s", upper);
	take_options(container, arena, &image.config);
	if (!imagechange_apply(&values->changes, arena, &image.config, err))
		return false;
	const struct image_build wishes = { .parent = &parent,
					    .layer = layer,
					    .is_upper = true,
					    .bare = tree_ours,
					    .config = &image.config,
					    .author = values->author,
					    .comment = values->message,
					    .created_by = command_line(container, arena),
					    .name = name };
	return build(&single->engine, &wishes, id, err);
}

static void tell_commit(const struct single *single, const struct values *values, const char *name,
			const struct digest *id)
{
	autofree char *comment = mem_printf("comment=%s", values->message ? values->message : "");
	autofree char *image = mem_printf("imageID=%s", id->text);
	autofree char *familiar = NULL;
	struct reference reference;
	struct error ignored;

	if (name && reference_parse(&reference, name, &ignored))
		familiar = reference_familiar(&reference);
	autofree char *named = mem_printf("imageRef=%s", familiar ? familiar : "");
	const char *const extra[] = { comment, image, named, NULL };

	happening_container(&single->engine, &single->container, "commit", extra);
}

/* It ended while it was to be paused, or while it was: then nothing changes its files either. */
static bool has_ended(struct single *single)
{
	return !status_is_running(&single->engine, single->container.id);
}

/* Paused meanwhile, so that no file changes while it is read. */
static bool commit(struct single *single, const struct values *values, const char *name,
		   struct error *err)
{
	struct standstill standstill = STANDSTILL_NONE;
	struct status status;
	struct error other;

	status_read(&single->engine, &single->arena, single->container.id, &status);
	bool is_paused = status.state == STATUS_RUNNING && !values->is_running_on;
	if (is_paused && !standstill_begin(&single->engine, &single->container, &standstill, err)) {
		if (!has_ended(single))
			return false;
		is_paused = false;
	}
	struct digest id;
	bool is_done = commit_still(single, values, name, &id, err);
	if (is_paused &&
	    !standstill_end(&single->engine, &single->container, &standstill, &other) &&
	    !has_ended(single)) {
		*err = other;
		return false;
	}
	if (is_done)
		tell_commit(single, values, name, &id);
	return is_done;
}

static int run_commit(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosingle struct single single = SINGLE_EMPTY;
	const char *name;
	struct error err;

	if (!read_name(&single.arena, arguments, &name, &err))
		return command_failed_plainly(&err);
	if (!single_open(cli, arguments->items[0], &single, &err) ||
	    !storesettings_read(cli->config, &single.engine.store, &err) ||
	    !commit(&single, values, name, &err))
		return command_failed(&err);
	return 0;
}

/* import. ------------------------------------------------------------------------------------- */

static bool open_archive(const char *path, int *archive, struct error *err)
{
	char why[HUMAN_MAX];

	if (strstr(path, "://"))
		return error_set(err, ERROR_UNSUPPORTED,
				 "importing from a URL is not supported: fetch %s and import the "
				 "file",
				 path);
	*archive = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					  : caller_open(path, O_RDONLY | O_CLOEXEC, 0);
	return *archive >= 0 ||
	       error_set(err, error_kind_of(errno), "open %s: %s", path, human_errno(errno, why));
}

static bool import(const struct engine *engine, struct arena *arena, const struct values *values,
		   int archive, const char *name, struct error *err)
{
	struct platform platform;
	struct image_config config = {
		.created = clock_now_text(arena), .user = "", .working_dir = "", .stop_timeout = -1
	};

	platform_host(&platform);
	if (values->platform && *values->platform &&
	    !platform_parse(&platform, values->platform, err))
		return false;
	config.os = platform.os;
	config.architecture = platform.arch;
	config.variant = platform.variant;
	if (!imagechange_apply(&values->changes, arena, &config, err))
		return false;
	const struct image_build wishes = { .layer = archive,
					    .config = &config,
					    .comment = values->message && *values->message
							       ? values->message
							       : "Imported from -",
					    .name = name };
	struct digest id;
	if (!build(engine, &wishes, &id, err))
		return false;
	happening_image(engine, "import", id.text, id.text);
	return true;
}

static int run_import(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	autoclose int archive = -1;
	const char *name;
	struct error err;

	if (!read_name(&arena, arguments, &name, &err) ||
	    !open_archive(arguments->items[0], &archive, &err))
		return command_failed_plainly(&err);
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !storesettings_read(cli->config, &engine.store, &err) ||
	    !import(&engine, &arena, values, archive, name, &err))
		return command_failed(&err);
	return 0;
}

const struct command cmd_commit = {
	.name = "docker commit",
	.usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
	.summary = "Create a new image from a container's changes",
	.opts = commit_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 2,
	.run = run_commit,
};

const struct command cmd_import = {
	.name = "docker import",
	.usage = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
	.summary = "Import the contents from a tarball to create a filesystem image",
	.opts = import_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY, /* docker looks at no third */
	.run = run_import,
};
