/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose/creation.h"
#include "compose/docker.h"
#include "compose/session.h"

/* wait, stats, cp: docker's own, for the containers of a project. */

struct values {
	struct texts filters;
	struct opt_number index;
	const char *format;
	bool takes_down, is_all, is_whole, is_once, follows_links, is_archive;
};

#define AT(member) offsetof(struct values, member)

static const struct opt wait_opts[] = {
	{ "down-project", 0, OPT_BOOL, AT(takes_down), NULL,
	  "Drops project when the first container stops", NULL },
	{ .name = NULL },
};

static const struct opt stats_opts[] = {
	{ "all", 'a', OPT_BOOL, AT(is_all), NULL, "Show all containers", NULL },
	{ "format", 0, OPT_TEXT, AT(format), "string", "Format output", NULL },
	{ "no-stream", 0, OPT_BOOL, AT(is_once), NULL, "Only pull the first result", NULL },
	{ "no-trunc", 0, OPT_BOOL, AT(is_whole), NULL, "Do not truncate output", NULL },
	{ .name = NULL },
};

static const struct opt cp_opts[] = {
	{ "archive", 'a', OPT_BOOL, AT(is_archive), NULL,
	  "Archive mode (copy all uid/gid information)", NULL },
	{ "follow-link", 'L', OPT_BOOL, AT(follows_links), NULL,
	  "Always follow symbol link in SRC_PATH", NULL },
	{ "index", 0, OPT_NUMBER, AT(index), "int",
	  "Index of the container if service has multiple replicas", NULL },
	{ .name = NULL },
};

/* -- wait ---------------------------------------------------------------------------------------
 */

static int wait_for(struct session *session, struct member **members)
{
	int code = 0;

	for (; *members; members++) {
		autotexts struct texts words = { 0 };
		const char *output;
		struct error err;

		texts_add(&words, "wait");
		texts_add(&words, (*members)->container.id);
		if (!session_docker(session, &words, &output, &err))
			return composer_failed(session->composer, &err);
		printf("container \"%s\" exited with status code %s\n", (*members)->container.id,
		       output);
		fflush(stdout);
		code = atoi(output);
	}
	return code;
}

static int run_wait(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts none = { 0 };
	const struct fleet_choice choice = { .services = arguments };
	struct error err;

	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);

	struct member **members = fleet_choose(&session.fleet, &session.project, &choice);

	if (!members[0]) {
		error_set(&err, ERROR_NOT_FOUND, "no containers for project \"%s\"",
			  session.project.name);
		return composer_failed(composer_of(cli), &err);
	}
	if (!values->takes_down)
		return wait_for(&session, members);
	members[1] = NULL; /* the first of them */

	int code = wait_for(&session, members);
	autofree void *zeros = mem_alloc(verb_down.values_size);

	(void)verb_down.run(cli, zeros, &none);
	return code;
}

/* -- stats --------------------------------------------------------------------------------------
 */

static int run_stats(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts words = { 0 };
	const struct fleet_choice choice = { .services = arguments };
	struct error err;

	if (!session_open(&session, cli, COMPOSER_LOOSE, arguments, &err))
		return composer_failed(composer_of(cli), &err);
	texts_add(&words, "stats");
	if (values->is_once)
		texts_add(&words, "--no-stream");
	if (values->is_whole)
		texts_add(&words, "--no-trunc");
	if (values->format)
		creation_add(&words, "--format", values->format);

	size_t count = words.count;

	for (struct member **next = fleet_choose(&session.fleet, &session.project, &choice); *next;
	     next++) {
		if (values->is_all || fleet_is_up(*next))
			texts_add(&words, (*next)->container.id);
	}
	if (words.count == count)
		return 0;
	docker_become(session.docker, &words, &err);
	return composer_failed(composer_of(cli), &err);
}

/* -- cp -----------------------------------------------------------------------------------------
 */

/* "SERVICE:PATH" becomes "CONTAINER:PATH"; a path of the host stays. */
static bool translate(struct session *session, const char *text, int index, const char **result,
		      struct error *err)
{
	size_t length = strcspn(text, ":");
	const char *service = arena_strndup(&session->fleet.arena, text, length);
	const struct member *member;

	*result = text;
	if (!text[length] || strchr(service, '/') || *text == '.')
		return true;
	member = fleet_find(&session->fleet, service, index);
	if (!member)
		return error_set(err, ERROR_NOT_FOUND, "no container found for service \"%s\"",
				 service);
	*result = arena_printf(&session->fleet.arena, "%s%s", member->container.id, text + length);
	return true;
}

static int run_cp(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosession struct session session = SESSION_EMPTY;
	autotexts struct texts words = { 0 };
	int index = values->index.is_set ? (int)values->index.value : 1;
	struct error err;

	if (!session_open(&session, cli, COMPOSER_LOOSE, NULL, &err))
		return composer_failed(composer_of(cli), &err);
	texts_add(&words, "cp");
	if (values->is_archive)
		texts_add(&words, "--archive");
	if (values->follows_links)
		texts_add(&words, "--follow-link");
	for (size_t i = 0; i < arguments->count; i++) {
		const char *word;

		if (!translate(&session, arguments->items[i], index, &word, &err))
			return composer_failed(composer_of(cli), &err);
		texts_add(&words, word);
	}
	docker_become(session.docker, &words, &err);
	return composer_failed(composer_of(cli), &err);
}

const struct command verb_wait = {
	.name = "docker compose wait",
	.usage = "SERVICE [SERVICE...] [OPTIONS]",
	.summary = "Block until containers of all (or specified) services stop",
	.opts = wait_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_wait,
};

const struct command verb_stats = {
	.name = "docker compose stats",
	.usage = "[OPTIONS] [SERVICE]",
	.summary = "Display a live stream of container(s) resource usage statistics",
	.opts = stats_opts,
	.values_size = sizeof(struct values),
	.most = ARGUMENTS_ANY,
	.run = run_stats,
};

const struct command verb_cp = {
	.name = "docker compose cp",
	.usage = "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-",
	.summary = "Copy files/folders between a service container and the local filesystem",
	.opts = cp_opts,
	.values_size = sizeof(struct values),
	.least = 2,
	.most = 2,
	.run = run_cp,
};
