/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_COMPOSER_H
#define COMPOSE_COMPOSER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "compose/project.h"

/*
 * What stands in front of a verb of `docker compose`, and what every verb begins with.
 */
struct composer {
	struct cli cli; /* first: what a command is given is this */
	struct project_request request;
	const char *ansi;     /* "never", "always", "auto" */
	bool tells_on_stdout; /* progress */
	const char *progress; /* "quiet": none; "plain": no line is written again; "auto" */
	int64_t parallel;     /* most docker commands at a time */
	/* Called as docker-compose: what it prints is what 1.29 does, which scripts parse. Else
	 * it is docker compose, version 2. What they do is the same. */
	bool is_classic;
	int *failure; /* what composer_failed gives: 1, or what 2 gives for files it cannot load */
	bool is_dry;  /* --dry-run: what would be done is told, nothing is changed */
};

/* Whose behaviour this is; scripts ask. */
#define COMPOSE_VERSION         "2.29.1"
#define COMPOSE_VERSION_CLASSIC "1.29.2"

/* Exit codes of 2; 1 has none of its own. */
#define COMPOSE_EXIT_MISSING 14 /* a compose file that is not there, or cannot be opened */
#define COMPOSE_EXIT_INVALID 15 /* one that makes no sense */
#define COMPOSE_EXIT_USAGE   16 /* a verb or an option that there is not */

const char *composer_version(const struct composer *composer);

const struct composer *composer_of(const struct cli *cli);

/* How much of the project a verb is about. */
enum composer_scope {
	COMPOSER_ACTIVE, /* what the profiles say, and what is named */
	COMPOSER_ALL,    /* everything in the files: for what lists and ends */
	COMPOSER_LOOSE,  /* the same; without files the name alone will do */
};

/* Reads the project and tells its warnings. The services that are named must be there. */
must_check bool composer_load(const struct composer *composer, enum composer_scope scope,
			      const struct texts *services, struct project *project,
			      struct error *err);

/* Says that there are no files, in each generation's words. */
bool composer_no_files(const struct composer *composer, struct error *err);

/* What 1 puts before a message where people look on; "" else. */
const char *composer_level(const struct composer *composer, const char *level);

/* Tells a failure on stderr; the exit code. */
int composer_failed(const struct composer *composer, const struct error *err);

#endif
