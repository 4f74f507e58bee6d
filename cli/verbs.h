/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"

/*
 * The table of everything docker can be asked to do.
 */
struct verb {
	const char *group; /* "container" for `docker container ls`; NULL: a verb of its own */
	const char *name;
	const struct command *command; /* NULL: docker has it, this program does not */
};

/* The verb for these words. NULL: docker does not know it either. */
const struct verb *verbs_find(const char *group, const char *name);
/* "docker container rm" for `docker container remove`: the whole name of a verb of a group; freed
 * by the caller. */
char *verbs_called(const struct verb *verb) must_check;
/* True for a word that others follow: "container", "image", … */
bool verbs_is_group(const char *name);

/* What there is in a group (NULL: of verbs of their own) that this program does, without second
 * names: the one behind `before`, the first if that is NULL. NULL: no more. */
const struct verb *verbs_next(const char *group, const struct verb *before);
/* The groups' names; NULL behind the last. */
const char *verbs_group(size_t number);

/* The help of `docker`, and of a group. */
void verbs_print_help(FILE *out);
void verbs_print_group_help(const char *group, FILE *out);

#endif
