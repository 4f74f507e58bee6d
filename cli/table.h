/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/texts.h"

/*
 * Aligned columns in docker's layout: three blanks to the widest cell, at least ten characters a
 * column, nothing after the last one. Zero-initialised is empty.
 */
struct table {
	struct arena arena;
	struct texts lines; /* cells separated by tabs */
};

#define autotable __attribute__((cleanup(table_done)))

/* One or more lines; cells are separated by tabs. The text is copied. */
void table_add(struct table *table, const char *lines);
void table_print(const struct table *table, FILE *out);
void table_done(struct table *table);

#endif
