/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <string.h>

#include "compose/creation.h"
#include "compose/docker.h"
#include "compose/session.h"

/* commit, export: docker's own, for one container of a service, whether it runs or not. */

struct values {
	struct texts changes;
	struct opt_number index;
	const char *author, *message, *output;
	bool runs_on;
};

#define AT(member) offsetof(struct values, member)

static const struct opt commit_opts[] = {
	{ "author", 'a', OPT_TEXT, AT(author), "string",
	  "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")", NULL },
	{ "change", 'c', OPT_LIST, AT(changes), "list",
	  "Apply Dockerfile instruction to the created image", NULL },
	{ "index", 0, OPT_NUMBER, AT(index), "int",
	  "index of the container if service has multiple replicas", NULL },
	{ "message", 'm', OPT_TEXT, AT(message), "string", "Commit message", NULL },
	{ "pause", 'p', OPT_UNLESS, AT(runs_on), NULL,
	  "Pause container during commit (default true)", NULL },
	{ .name = NULL },
};

static const struct opt export_opts[] = {
	{ "index", 0, OPT_NUMBER, AT(index), "int",
	  "index of the container if service has multiple replicas", NULL },
	{ "output", 'o', OPT_TEXT, AT(output), "string", "Write to a file, instead of STDOUT",
	  NULL },
	{ .name = NULL },
};

/* Becomes docker with `words`, the service's container and what follows the service. */
static int become(const struct cli *cli, const struct values *values, const struct texts *arguments,
		  struct texts *words)
{
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts services = { 0 };
	const char *service = arguments->items[0];
	int index = values->index.is_set ? (int)values->index.value : 1;
	const struct member *member;
	struct error err;

	texts_add(&services, service);
	if (!session_open(&session, cli, COMPOSER_LOOSE, &services, &err))
		return composer_failed(composer_of(cli), &err);
	member = fleet_find(&session.fleet, service, index);
	if (!member) {
		error_set(&err, ERROR_NOT_FOUND, "service \"%s\" has no container #%d", service,
			  index);
		return composer_failed(composer_of(cli), &err);
	}
	texts_add(words, member->container.id);
	texts_add_all(words, arguments->items + 1, arguments->count - 1);
	docker_become(session.docker, words, &err);
	return composer_failed(composer_of(cli), &err);
}

static int run_commit(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autotexts struct texts words = { 0 };

	texts_add(&words, "commit");
	if (values->author)
		creation_add(&words, "--author", values->author);
	for (size_t i = 0; i < values->changes.count; i++)
		creation_add(&words, "--change", values->changes.items[i]);
	if (values->message)
		creation_add(&words, "--message", values->message);
	if (values->runs_on)
		texts_add(&words, "--pause=false");
	return become(cli, values, arguments, &words);
}

static int run_export(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autotexts struct texts words = { 0 };

	texts_add(&words, "export");
	if (values->output)
		creation_add(&words, "--output", values->output);
	return become(cli, values, arguments, &words);
}

const struct command verb_commit = {
	.name = "docker compose commit",
	.usage = "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
	.summary = "Create a new image from a service container's changes",
	.opts = commit_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 2,
	.run = run_commit,
};

const struct command verb_export = {
	.name = "docker compose export",
	.usage = "[OPTIONS] SERVICE",
	.summary = "Export a service container's filesystem as a tar archive",
	.opts = export_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run_export,
};
