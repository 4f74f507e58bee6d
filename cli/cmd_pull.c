/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/pulling.h"
#include "cli/taglist.h"
#include "engine/engine.h"
#include "registry/reference.h"

struct values {
	bool is_all, is_quiet;
	const char *platform;
};

static const struct opt opts[] = {
	{ "all-tags", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Download all tagged images in the repository", NULL },
	{ "disable-content-trust", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Set platform if server is multi-platform capable", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Suppress verbose output", NULL },
	{ .name = NULL },
};

/* Adds to *has_news, if that is not NULL: then it is one of many. */
static bool pull(const struct cli *cli, const struct values *values, const struct engine *engine,
		 const char *name, bool *has_news, struct error *err)
{
	struct reference reference;
	struct digest id;
	const struct pulling pulling = { .reference = name,
					 .platform = values->platform,
					 .out = values->is_quiet ? NULL : stdout,
					 .has_news = has_news };

	if (!pulling_run(cli, &engine->store, &pulling, &id, err) ||
	    !reference_parse(&reference, name, err))
		return false;
	pulling_tell(engine, &reference);
	return true;
}

static bool pull_one(const struct cli *cli, const struct values *values,
		     const struct engine *engine, const char *name, struct error *err)
{
	struct reference reference;

	if (!pull(cli, values, engine, name, NULL, err) || !reference_parse(&reference, name, err))
		return false;

	autofree char *canonical = reference_text(&reference);

	printf("%s\n", canonical);
	return true;
}

/* The first that fails ends it, as docker's does; what came before it is there. */
static bool pull_tags(const struct cli *cli, const struct values *values,
		      const struct engine *engine, const struct reference *repository,
		      struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts tags = { 0 };
	autofree char *name = reference_name(repository);
	autofree char *familiar = reference_familiar_name(repository);
	bool has_news = false;

	if (!taglist_read(cli, engine->store.path, repository, &arena, &tags, err))
		return false;
	for (size_t i = 0; i < tags.count; i++)
		if (!pull(cli, values, engine, arena_printf(&arena, "%s:%s", name, tags.items[i]),
			  &has_news, err))
			return false;
	if (!values->is_quiet)
		pulling_tell_status(stdout, has_news, familiar);
	printf("%s\n", name);
	return true;
}

/* Says which tag it will be where the user left it to us. */
static bool read_name(const struct values *values, const char *name, struct reference *reference,
		      struct error *err)
{
	if (!reference_parse_bare(reference, name, err))
		return false;
	if (strcmp(name, "scratch") == 0)
		return error_set(err, ERROR_INPUT,
				 "Error response from daemon: 'scratch' is a reserved name");
	bool is_bare = !reference->tag[0] && digest_is_empty(&reference->digest);

	if (values->is_all && !is_bare)
		return error_set(err, ERROR_INPUT, "tag can't be used with --all-tags/-a");
	if (!values->is_all && is_bare && !values->is_quiet)
		printf("Using default tag: latest\n");
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	const char *name = arguments->items[0];
	const char *platform = getenv("DOCKER_DEFAULT_PLATFORM");
	struct values chosen = *values;
	struct reference reference;
	struct error err;

	if (!chosen.platform && platform && *platform)
		chosen.platform = platform;
	if (!read_name(&chosen, name, &reference, &err))
		return command_failed_plainly(&err);
	bool is_pulled = engine_open(cli->root, cli->run, &engine, &err) &&
			 (chosen.is_all ? pull_tags(cli, &chosen, &engine, &reference, &err)
					: pull_one(cli, &chosen, &engine, name, &err));

	return is_pulled ? 0 : command_failed(&err);
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
