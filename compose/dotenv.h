/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_DOTENV_H
#define COMPOSE_DOTENV_H

#include <stdbool.h>

#include "base/error.h"
#include "compose/variables.h"

/*
 * .env and env_file, which are not `docker run --env-file`: quotes, comments, `export`, and
 * variables in values.
 *
 *     A=text to the end        blanks around are not part of it, nor is " # comment"
 *     B="$A\n"  C='$A as is'   may go over several lines; escapes only between double quotes
 *     export D=1
 *     E                        what `known` says it is; nothing if that does not know it
 */
#define DOTENV_FILE_MAX (1 << 20)

/* Appends to `variables`, whose own values and those of `known` may stand in others; `known` comes
 * first. `name` is for messages. */
must_check bool dotenv_parse(struct variables *variables, const struct variables *known,
			     struct arena *arena, const char *name, const char *text,
			     struct error *err);

/* The same for a file. ERROR_NOT_FOUND if it is not there. */
must_check bool dotenv_read(struct variables *variables, const struct variables *known,
			    struct arena *arena, const char *path, struct error *err);

/* As `docker run --env-file`: a line each, and nothing in a value has a meaning. */
must_check bool dotenv_read_raw(struct variables *variables, const struct variables *known,
				struct arena *arena, const char *path, struct error *err);

#endif
