/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>

#include "compose/composer.h"
#include "compose/tree.h"

/*
 * build and push: for services with `build` alone, and those are for another machine. Scripts run
 * them before `up`, though no service of theirs has anything to build.
 */

static const struct opt build_opts[] = {
	{ "build-arg", 0, OPT_IGNORED_TEXT, 0, "stringArray", NULL, NULL },
	{ "builder", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "compress", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "force-rm", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "memory", 'm', OPT_IGNORED_TEXT, 0, "bytes", NULL, NULL },
	{ "no-cache", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "no-rm", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "parallel", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "progress", 0, OPT_IGNORED_TEXT, 0, "string", NULL, NULL },
	{ "pull", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "push", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "quiet", 'q', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "with-dependencies", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

static const struct opt push_opts[] = {
	{ "ignore-push-failures", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "include-deps", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "quiet", 'q', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

struct manner {
	const char *verb, *remedy;
	const char *skipped; /* of 1, behind the service's name; NULL: nothing */
	const char *nothing; /* of 2, if there is no service with `build`; NULL: nothing */
};

static bool is_meant(const struct service *service, const struct texts *names)
{
	return names->count ? texts_has(names, service->name) : service->is_enabled;
}

static bool refuse_builds(const struct composer *composer, const struct manner *manner,
			  const struct project *project, const struct texts *names,
			  struct error *err)
{
	for (size_t i = 0; i < project->service_count; i++) {
		const struct service *service = &project->services[i];

		if (!is_meant(service, names))
			continue;
		if (tree_find(service->tree, "build"))
			return error_set(
				err, ERROR_UNSUPPORTED,
				"service \"%s\": '%s' is not supported by this runtime: %s",
				service->name, manner->verb, manner->remedy);
		if (composer->is_classic && manner->skipped)
			fprintf(stderr, "%s %s\n", service->name, manner->skipped);
	}
	if (!composer->is_classic && manner->nothing)
		fprintf(stderr, "%s\n", manner->nothing);
	return true;
}

static int run(const struct cli *cli, const struct manner *manner, const struct texts *names)
{
	const struct composer *composer = composer_of(cli);
	autoproject struct project project = { 0 };
	struct error err;

	if (!composer_load(composer, COMPOSER_ACTIVE, names, &project, &err) ||
	    !refuse_builds(composer, manner, &project, names, &err))
		return composer_failed(composer, &err);
	return 0;
}

static int run_build(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = {
		.verb = "build",
		.remedy = "build images on another machine and bring them here with 'docker save' "
			  "and 'docker load', or through a registry",
		.skipped = "uses an image, skipping",
		.nothing = "No services to build",
	};
	(void)values;

	return run(cli, &manner, arguments);
}

static int run_push(const struct cli *cli, const void *values, const struct texts *arguments)
{
	static const struct manner manner = { .verb = "push",
					      .remedy = "push each image with 'docker push'" };
	(void)values;

	return run(cli, &manner, arguments);
}

const struct command verb_build = {
	.name = "docker compose build",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Not supported, but for services without anything to build",
	.opts = build_opts,
	.most = ARGUMENTS_ANY,
	.run = run_build,
};

const struct command verb_push = {
	.name = "docker compose push",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Not supported, but for services without anything to build",
	.opts = push_opts,
	.most = ARGUMENTS_ANY,
	.run = run_push,
};
