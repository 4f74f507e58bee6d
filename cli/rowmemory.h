/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ROWMEMORY_H
#define CLI_ROWMEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "cli/containerrow.h"
#include "engine/engine.h"

/*
 * The rows that RUN/rows remembers: see containerrow.h for what makes them good.
 */

#define ROW_SETTLED 2 /* seconds without a change, before a row is remembered */

struct remembered {
	struct containerrow row;
	unsigned long long directory_inode, directory_seconds, directory_nanoseconds;
	unsigned long long process_inode; /* of /proc/PID; 0: it has ended */
};

struct rowmemory {
	struct remembered *items; /* sorted by ID */
	size_t count;
};

/* Empty if there is nothing that can be used. */
void rowmemory_read(const struct engine *engine, struct arena *arena, struct rowmemory *memory);

/* The row, if it is remembered and still true; else NULL. */
const struct containerrow *rowmemory_find(const struct engine *engine,
					  const struct rowmemory *memory, const char *id);

/* Remembers those of `rows` that can be, if there is something new. Failing, it leaves what was
 * there. */
void rowmemory_write(const struct engine *engine, const struct containerrows_read *rows);

#endif
