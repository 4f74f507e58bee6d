/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ENVFILE_H
#define CLI_ENVFILE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * --env-file and -e; --label-file and --label: lines and words of KEY=VALUE.
 */

/* For the `check` of -e. */
bool envfile_check(const char *text, struct error *err);

/* "KEY" alone takes its value from our environment; unset there, it stays "KEY": to be removed. */
void envfile_add_variable(struct texts *env, struct arena *arena, const char *text);

#define ENVFILE_MAX       (4 << 20)  /* bytes of one file */
#define ENVFILE_ARENA_MAX (64 << 20) /* of the arena: all files of a command together */

/* The lines of a file, in docker's grammar. `passes_through`: "KEY" alone takes its value from
 * our environment, and is skipped where that has none. */
must_check bool envfile_read(struct texts *pairs, struct arena *arena, const char *path,
			     bool passes_through, struct error *err);

#endif
