/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_VARIABLES_H
#define COMPOSE_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/*
 * Environment variables in the order in which they came; the texts live in an arena. Lists may be
 * asked one after the other: what the first does not know, the next may (`next`).
 */
#define VARIABLES_MAX 8192 /* of one list: more are not taken */

struct variable {
	const char *name, *value;
};

struct variables {
	struct variable *items;
	size_t count, capacity;
	const struct variables *next; /* asked for what is not here; NULL: nobody */
};

#define autovariables __attribute__((cleanup(variables_done)))

/* False if the list is full. A name that is there gets the new value. */
bool variables_set(struct variables *variables, const char *name, const char *value);
/* NULL if it is not set, here or further on. */
const char *variables_get(const struct variables *variables, const char *name);
/* "1", "t", "true", "y", "yes", in any case of letters. */
bool variables_is_true(const struct variables *variables, const char *name);
/* What this process was given. */
void variables_add_process(struct variables *variables, struct arena *arena);
void variables_done(struct variables *variables);

#endif
