/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_AUTHORS_H
#define LIFECYCLE_STREAM_AUTHORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * Components by number, so that a record can say who appended it: an S3 task may only name files
 * that its author may read, also when both have been restarted in between.
 *
 *     ROOT/%authors     one name a line; the first is number 1
 *
 * Number 0 is nobody: clients need not authenticate where the device is set up so.
 */

#define AUTHORS_MAX 4096

struct authors {
	int dir;
	struct texts names; /* in the arena */
	struct arena arena;
};

must_check bool authors_open(struct authors *authors, int dir, struct error *err);
void authors_done(struct authors *authors);

/* The number of a component, which is made (durably) if it has none; "" is 0. */
must_check bool authors_number(struct authors *authors, const char *name, uint32_t *number,
			       struct error *err);

/* "" for 0 and for a number nobody has. */
const char *authors_name(const struct authors *authors, uint32_t number);

#endif
