/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/happening.h"
#include "registry/reference.h"

static bool read_target(const char *text, struct reference *target, struct error *err)
{
	if (!reference_parse(target, text, err))
		return error_in(
			err, "Error parsing reference: \"%s\" is not a valid repository/tag", text);
	if (!digest_is_empty(&target->digest))
		return error_set(err, ERROR_INPUT,
				 "refusing to create a tag with a digest reference");
	return true;
}

static bool check_ambiguity(const struct reference *target, struct error *err)
{
	autofree char *familiar = reference_familiar(target);

	return strncmp(familiar, "sha256:", 7) != 0 ||
	       error_set(err, ERROR_INPUT,
			 "refusing to create an ambiguous tag using digest algorithm as name");
}

static bool tag(const struct cli *cli, const char *source, const struct reference *target,
		struct error *err)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct store_image image;

	if (!engine_open(cli->root, cli->run, &engine, err) ||
	    !store_find(&engine.store, &arena, source, &image, err) ||
	    !check_ambiguity(target, err) || !store_tag(&engine.store, &image.id, target, err))
		return false;

	autofree char *familiar = reference_familiar(target);

	happening_image(&engine, "tag", image.id.text, familiar);
	return true;
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct reference target;
	struct error err;

	(void)values;
	if (!read_target(arguments->items[1], &target, &err))
		return command_failed_plainly(&err);
	return tag(cli, arguments->items[0], &target, &err) ? 0 : command_failed(&err);
}

const struct command cmd_tag = {
	.name = "docker tag",
	.usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
	.summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
	.least = 2,
	.most = 2,
	.run = run,
};
