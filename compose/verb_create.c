/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <string.h>

#include "compose/uprun.h"

/* create: `up` without the start. scale: `up -d` of some services in other numbers. */

struct values {
	struct texts scales;
	const char *pull;
	struct opt_number seconds;
	bool is_forced, is_unforced, is_unbuilt, is_quiet, removes_orphans, is_without_dependencies;
};

static const struct opt create_opts[] = {
	{ "build", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ "force-recreate", 0, OPT_BOOL, offsetof(struct values, is_forced), NULL,
	  "Recreate containers even if nothing has changed", NULL },
	{ "no-build", 0, OPT_BOOL, offsetof(struct values, is_unbuilt), NULL,
	  "Don't build an image, even if it's missing (it never is)", NULL },
	{ "no-recreate", 0, OPT_BOOL, offsetof(struct values, is_unforced), NULL,
	  "If containers already exist, don't recreate them", NULL },
	{ "pull", 0, OPT_TEXT, offsetof(struct values, pull), "string",
	  "Pull image before running (\"always\"|\"missing\"|\"never\")", NULL },
	{ "quiet-pull", 0, OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Pull without printing progress information", NULL },
	{ "remove-orphans", 0, OPT_BOOL, offsetof(struct values, removes_orphans), NULL,
	  "Remove containers for services not defined in the Compose file", NULL },
	{ "scale", 0, OPT_LIST, offsetof(struct values, scales), "scale",
	  "Scale SERVICE to NUM instances", NULL },
	{ "yes", 'y', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

static const struct opt scale_opts[] = {
	{ "no-deps", 0, OPT_BOOL, offsetof(struct values, is_without_dependencies), NULL,
	  "Don't start linked services", NULL },
	{ "timeout", 't', OPT_NUMBER, offsetof(struct values, seconds), "int",
	  "Seconds to wait before containers that are stopped are killed", NULL },
	{ .name = NULL },
};

static int make(const struct cli *cli, const struct texts *services, struct uprun_wishes *wishes)
{
	autosession struct session session = SESSION_EMPTY;
	struct upplan plan;
	struct error err;
	int code = 0;

	wishes->plan.services = services;
	if (!session_open(&session, cli, COMPOSER_ACTIVE, services, &err))
		return composer_failed(composer_of(cli), &err);
	wishes->ignores_orphans |=
		variables_is_true(&session.project.environment, "COMPOSE_IGNORE_ORPHANS");
	return uprun(&session, wishes, &plan, &code) ? 0 : code;
}

static int run_create(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	struct uprun_wishes wishes = {
		.plan = { .scales = &values->scales,
			  .is_forced = values->is_forced,
			  .is_unforced = values->is_unforced },
		.stop_seconds = -1,
		.is_quiet = values->is_quiet,
		.is_unbuilt = values->is_unbuilt,
		.is_unstarted = true,
		.removes_orphans = values->removes_orphans,
	};
	struct error err;

	if (composer_of(cli)->is_classic)
		fputs("The create command is deprecated. Use the up command with the --no-start "
		      "flag instead.\n",
		      stderr);
	if (values->is_forced && values->is_unforced) {
		error_set(&err, ERROR_INPUT,
			  "--force-recreate and --no-recreate cannot be combined.");
		return composer_failed(composer_of(cli), &err);
	}
	if (!provision_read_pull(values->pull, &wishes.pull, &err))
		return composer_failed(composer_of(cli), &err);
	return make(cli, arguments, &wishes);
}

/* "web=3 worker=2" */
static int run_scale(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	autotexts struct texts services = { 0 };
	struct uprun_wishes wishes = {
		.plan = { .scales = arguments,
			  .is_unforced = true,
			  .is_without_dependencies = values->is_without_dependencies },
		.stop_seconds = values->seconds.is_set ? values->seconds.value : -1,
		.ignores_orphans = true,
	};

	if (composer_of(cli)->is_classic)
		fputs("The scale command is deprecated. Use the up command with the --scale flag "
		      "instead.\n",
		      stderr);
	for (size_t i = 0; i < arguments->count; i++)
		texts_add(&services, arena_strndup(&arena, arguments->items[i],
						   strcspn(arguments->items[i], "=")));
	return make(cli, &services, &wishes);
}

const struct command verb_create = {
	.name = "docker compose create",
	.usage = "[OPTIONS] [SERVICE...]",
	.summary = "Creates containers for a service",
	.opts = create_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_create,
};

const struct command verb_scale = {
	.name = "docker compose scale",
	.usage = "[SERVICE=REPLICAS...]",
	.summary = "Scale services",
	.opts = scale_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_scale,
};
