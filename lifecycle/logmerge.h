/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_LOGMERGE_H
#define LIFECYCLE_LOGMERGE_H

#include <stdint.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * The lines of several logs in the order of their times. Each file is in order itself, so of each
 * only the next line is in memory. A line without a time goes with the one before it.
 */

struct logmerge;

/* Opens all files. Of files that are growing a line that is not complete yet is left out. */
must_check bool logmerge_open(struct logmerge **result, const struct texts *names, bool is_growing,
			      struct error *err);

/* The next line, without its newline, and its time in milliseconds since 1970. *line is NULL at the
 * end, or lives until the next call. */
must_check bool logmerge_next(struct logmerge *merge, const char **line, int64_t *time,
			      struct error *err);

/* Behind the end: what has been written since comes next, also behind a rotation. */
void logmerge_look_again(struct logmerge *merge);

void logmerge_free(struct logmerge *merge);

#endif
