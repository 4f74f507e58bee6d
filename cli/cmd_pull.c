/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/pulling.h"
#include "engine/engine.h"
#include "registry/reference.h"

struct values {
	bool is_quiet;
	const char *platform;
};

static const struct opt opts[] = {
	{ "all-tags", 'a', OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "disable-content-trust", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "platform", 0, OPT_TEXT, offsetof(struct values, platform), "string",
	  "Set platform if server is multi-platform capable", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Suppress verbose output", NULL },
	{ .name = NULL },
};

/* Says so where the user left it to us. */
static bool tell_default_tag(const char *name, struct error *err)
{
	struct reference reference;

	if (!reference_parse_bare(&reference, name, err))
		return false;
	if (!reference.tag[0] && digest_is_empty(&reference.digest))
		printf("Using default tag: latest\n");
	return true;
}

static bool pull(const struct cli *cli, const struct values *values, const char *name,
		 struct error *err)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	struct reference reference;
	struct digest id;
	const struct pulling pulling = { .reference = name,
					 .platform = values->platform,
					 .out = values->is_quiet ? NULL : stdout };

	if (!engine_open(cli->root, cli->run, &engine, err) ||
	    !pulling_run(cli, &engine.store, &pulling, &id, err) ||
	    !reference_parse(&reference, name, err))
		return false;

	autofree char *canonical = reference_text(&reference);

	pulling_tell(&engine, &reference);
	printf("%s\n", canonical);
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	const char *name = arguments->items[0];
	const char *platform = getenv("DOCKER_DEFAULT_PLATFORM");
	struct values chosen = *values;
	struct error err;

	if (!chosen.platform && platform && *platform)
		chosen.platform = platform;
	if (!chosen.is_quiet && !tell_default_tag(name, &err))
		return command_failed_plainly(&err);
	if (!pull(cli, &chosen, name, &err))
		return command_failed(&err);
	return 0;
}

const struct command cmd_pull = {
	.name = "docker pull",
	.usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
	.summary = "Download an image from a registry",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run,
};
