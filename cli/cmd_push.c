/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/credentials.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "engine/happening.h"
#include "image/pull.h"
#include "registry/reference.h"

struct values {
	bool is_all, is_quiet;
	const char *platform;
};

static const struct opt opts[] = {
	{ "all-tags", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Push all tags of an image to the repository", NULL },
	{ "disable-content-trust", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Push only the given platform variant", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Suppress verbose output", NULL },
	{ .name = NULL },
};

struct view {
	struct progress progress;
	const char *tag;
	bool is_quiet;
};

static void on_event(void *context, const struct image_event *event)
{
	struct view *view = context;

	if (view->is_quiet)
		return;
	if (event->kind == IMAGE_LAYER)
		progress_layer(&view->progress, event);
	else if (event->kind == IMAGE_NOTICE)
		progress_notice(&view->progress, event);
	else if (event->kind == IMAGE_PUSHED)
		printf("%s: digest: %s size: %" PRId64 "\n", view->tag, event->digest,
		       event->total);
}

/* What is not here at all is said later, in other words. */
static bool check_platform(const struct engine *engine, const char *name, const char *platform,
			   struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct store_image image;
	struct error ignored;

	return !store_find(&engine->store, &arena, name, &image, &ignored) ||
	       store_check_platform(&image, name, platform, err);
}

static bool is_nowhere(const struct reference *reference, struct error *err)
{
	autofree char *familiar = reference_familiar_name(reference);

	return error_set(err, ERROR_NOT_FOUND, "An image does not exist locally with the tag: %s",
			 familiar);
}

static bool push(const struct cli *cli, const struct engine *engine,
		 const struct reference *reference, const struct values *values, struct error *err)
{
	const struct credentials_places places = { .docker_config = cli->docker_config,
						   .config = cli->config,
						   .root = engine->store.path };
	struct view view = { .progress = { .out = stdout,
					   .is_terminal = isatty(STDOUT_FILENO),
					   .kind = PROGRESS_PUSH },
			     .tag = reference->tag,
			     .is_quiet = values->is_quiet };
	const struct image_watcher watcher = { on_event, &view };
	autofree char *name = reference_text(reference);
	struct credentials credentials;

	if (!check_platform(engine, name, values->platform, err) ||
	    !credentials_gather(&places, reference->domain, reference->path, &credentials, err))
		return false;
	bool is_pushed = image_push(&engine->store,
				    &(struct image_pull){ .reference = name,
							  .settings = credentials.settings.data,
							  .learnt_fd = credentials.learnt_fd },
				    &watcher, err);

	credentials_done(&places, &credentials);
	if (is_pushed) {
		autofree char *familiar = reference_familiar(reference);
		autofree char *bare = reference_familiar_name(reference);

		happening_image(engine, "push", familiar, bare);
	}
	return is_pushed;
}

static bool push_one(const struct cli *cli, const struct engine *engine,
		     const struct reference *reference, const struct values *values,
		     struct error *err)
{
	autofree char *name = reference_text(reference);
	autoarena struct arena arena = { 0 };
	struct store_image image;

	if (store_find(&engine->store, &arena, name, &image, err))
		return push(cli, engine, reference, values, err);
	return err->kind == ERROR_NOT_FOUND ? is_nowhere(reference, err) : false;
}

/* A name of the repository, whichever tag it has. */
static bool is_of(const char *text, const struct reference *repository, struct reference *name)
{
	struct error ignored;

	return reference_parse(name, text, &ignored) && digest_is_empty(&name->digest) &&
	       strcmp(name->domain, repository->domain) == 0 &&
	       strcmp(name->path, repository->path) == 0;
}

static bool push_all(const struct cli *cli, const struct engine *engine,
		     const struct reference *repository, const struct values *values,
		     struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct store_image *images;
	size_t count, pushed = 0;

	if (!store_list(&engine->store, &arena, &images, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < images[i].name_count; k++) {
			struct reference name;

			if (!is_of(images[i].names[k], repository, &name))
				continue;
			if (!push(cli, engine, &name, values, err))
				return false;
			pushed++;
		}
	return pushed > 0 || is_nowhere(repository, err);
}

/* Refuses early what cannot be pushed; says what was left to us. */
static bool read_name(const struct values *values, const char *text, struct reference *reference,
		      struct error *err)
{
	struct reference bare;

	if (!reference_parse_bare(&bare, text, err) || !reference_parse(reference, text, err))
		return false;
	if (!digest_is_empty(&bare.digest))
		return error_set(err, ERROR_INPUT, "cannot push a digest reference");
	if (values->is_all && bare.tag[0])
		return error_set(err, ERROR_INPUT, "tag can't be used with --all-tags/-a");
	if (!values->is_all && !bare.tag[0] && !values->is_quiet)
		printf("Using default tag: latest\n");
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	struct reference reference;
	struct error err;

	if (!read_name(values, arguments->items[0], &reference, &err))
		return command_failed_plainly(&err);
	autofree char *name = reference_name(&reference);
	autofree char *whole = reference_text(&reference);

	if (!values->is_quiet)
		printf("The push refers to repository [%s]\n", name);
	fflush(stdout);
	bool is_pushed = engine_open(cli->root, cli->run, &engine, &err) &&
			 (values->is_all ? push_all(cli, &engine, &reference, values, &err)
					 : push_one(cli, &engine, &reference, values, &err));

	if (!is_pushed)
		return command_failed_plainly(&err); /* docker tells it among the progress */
	if (values->is_quiet)
		printf("%s\n", values->is_all ? name : whole);
	return 0;
}

const struct command cmd_push = {
	.name = "docker push",
	.usage = "[OPTIONS] NAME[:TAG]",
	.summary = "Upload an image to a registry",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run,
};
