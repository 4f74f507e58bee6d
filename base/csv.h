/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/mem.h"

/*
 * One line of comma-separated values (RFC 4180): commas separate fields, but not within double
 * quotes, where a doubled one stands for one. Options such as --mount and --network are such lines.
 */

/* The next field, unquoted in place, and *rest after it; NULL after the last. */
char *csv_next(char **rest);

/* `line` with a further field "KEY=VALUE", quoted where it has to be; without a value (NULL) as it
 * is. In `arena`. */
const char *csv_add(struct arena *arena, const char *line, const char *key, const char *value);

#endif
