/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/happening.h"

struct values {
	bool is_forced;
	struct texts platforms;
};

static const struct opt opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct values, is_forced), NULL,
	  "Force removal of the image", NULL },
	/* Untagged parents are a thing of builds: we have none to keep. */
	{ "no-prune", 0, OPT_IGNORED_BOOL, 0, NULL, "Do not delete untagged parents", NULL },
	{ "platform", 0, OPT_LIST, offsetof(struct values, platforms), "strings",
	  "Remove only the given platform variant", NULL },
	{ .name = NULL },
};

static void tell(const struct engine *engine, const char *id, const struct store_removal *removal)
{
	for (size_t i = 0; i < removal->untagged.count; i++) {
		printf("Untagged: %s\n", removal->untagged.items[i]);
		happening_image(engine, "untag", id, id);
	}
	for (size_t i = 0; i < removal->deleted.count; i++)
		printf("Deleted: %s\n", removal->deleted.items[i]);
	if (removal->deleted.count)
		happening_image(engine, "delete", id, id);
}

/* An image here is for one platform: to remove that is to remove it. */
static bool check_platforms(const struct store_image *image, const char *name,
			    const struct texts *platforms, struct error *err)
{
	for (size_t i = 0; i < platforms->count; i++)
		if (!store_check_platform(image, name, platforms->items[i], err))
			return false;
	return true;
}

/* The exit code. A missing image is no failure for those who force. */
static int remove_one(struct engine *engine, const char *name, const struct values *values)
{
	const struct store_usage usage = engine_usage(engine);
	bool is_forced = values->is_forced;
	autoarena struct arena arena = { 0 };
	struct store_removal removal = { 0 };
	struct store_image image = { 0 };
	struct error err;
	int code = 0;

	if (!name[strspn(name, " \t\n")]) {
		error_set(&err, ERROR_INPUT, "image name cannot be blank");
		return command_failed(&err);
	}
	if (store_find(&engine->store, &arena, name, &image, &err) &&
	    check_platforms(&image, name, &values->platforms, &err) &&
	    store_remove(&engine->store, &arena, name, is_forced, &usage, &removal, &err)) {
		tell(engine, image.id.text, &removal);
	} else {
		command_failed(&err);
		code = is_forced && err.kind == ERROR_NOT_FOUND ? 0 : 1;
	}
	store_removal_done(&removal);
	return code;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++)
		code |= remove_one(&engine, arguments->items[i], values);
	return code;
}

const struct command cmd_rmi = {
	.name = "docker rmi",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.summary = "Remove one or more images",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};
