/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_GRID_H
#define COMPOSE_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/texts.h"

/*
 * A table as docker-compose 1 prints it: centred headers, a rule, every cell as wide as its column.
 * `cells` has the headers first, then row after row, `columns` of each; at most GRID_COLUMNS_MAX.
 */
#define GRID_COLUMNS_MAX 16

void grid_print(const struct texts *cells, size_t columns, FILE *out);

#endif
