/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/composer.h"

#include <stdio.h>
#include <unistd.h>

const struct composer *composer_of(const struct cli *cli)
{
	return (const struct composer *)cli;
}

const char *composer_version(const struct composer *composer)
{
	return composer->is_classic ? COMPOSE_VERSION_CLASSIC : COMPOSE_VERSION;
}

static bool check_names(const struct composer *composer, const struct project *project,
			const struct texts *services, struct error *err)
{
	for (size_t i = 0; services && i < services->count; i++) {
		if (!project_find(project, services->items[i]))
			return error_set(err, ERROR_NOT_FOUND, "%s such service: %s",
					 composer->is_classic ? "No" : "no", services->items[i]);
	}
	return true;
}

static bool load(const struct project_request *request, enum composer_scope scope,
		 struct project *project, struct error *err)
{
	if (project_load(project, request, err))
		return true;

	bool has_files = project->files.count > 0;

	if (scope != COMPOSER_LOOSE || has_files)
		return false;
	project_done(project);
	*project = (struct project){ 0 };
	return project_load_name(project, request, err);
}

/* A file that could not be read, or what stood in it. */
static int failure_of(enum error_kind kind)
{
	return kind == ERROR_INPUT || kind == ERROR_UNSUPPORTED || kind == ERROR_CORRUPT
		       ? COMPOSE_EXIT_INVALID
		       : COMPOSE_EXIT_MISSING;
}

bool composer_no_files(const struct composer *composer, struct error *err)
{
	if (composer->is_classic)
		return error_set(
			err, ERROR_NOT_FOUND,
			"Can't find a suitable configuration file in this directory or any "
			"parent. Are you in the right directory? Supported filenames: "
			"docker-compose.yml, docker-compose.yaml, compose.yml, compose.yaml");
	*composer->failure = COMPOSE_EXIT_MISSING;
	return error_set(err, ERROR_NOT_FOUND, "no configuration file provided: not found");
}

bool composer_load(const struct composer *composer, enum composer_scope scope,
		   const struct texts *services, struct project *project, struct error *err)
{
	struct project_request request = composer->request;

	request.store = composer->cli.root;
	request.wants_everything = scope != COMPOSER_ACTIVE;
	if (services)
		request.services = *services;

	bool is_good = load(&request, scope, project, err);

	if (!is_good && !composer->is_classic)
		*composer->failure = failure_of(err->kind);
	if (!is_good && err->kind == ERROR_NOT_FOUND && !project->files.count)
		return composer_no_files(composer, err);

	for (size_t i = 0; i < project->warnings.count; i++)
		fprintf(stderr, "%s%s\n", composer_level(composer, "WARNING: "),
			project->warnings.items[i]);
	return is_good && (!project->tree || request.keeps_variables ||
			   check_names(composer, project, services, err));
}

const char *composer_level(const struct composer *composer, const char *level)
{
	return composer->is_classic && isatty(STDERR_FILENO) ? level : "";
}

int composer_failed(const struct composer *composer, const struct error *err)
{
	fprintf(stderr, "%s%s\n", composer_level(composer, "ERROR: "), err->text);
	return *composer->failure;
}
