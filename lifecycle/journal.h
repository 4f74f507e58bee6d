/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_JOURNAL_H
#define LIFECYCLE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "lifecycle/script.h"
#include "lifecycle/settings.h"

/*
 * A component's log, ROOT/logs/NAME.log, in Greengrass' text format, or one JSON object a line. At
 * `fileSizeKB` (1 MiB), and when an hour is over, it becomes NAME_yyyy_MM_dd_HH_n.log; the oldest
 * of those go when all are larger than `totalLogsSizeKB` (10 MiB).
 */

struct journal {
	const struct settings_logging *logging; /* the caller's; what it says may change */
	const char *directory;
	const char *component;
	int fd; /* -1: not open */
	size_t size;
	int64_t hour; /* of the first line, since 1970 */
};

/* Opens (makes) the file; the texts are kept by reference. */
must_check bool journal_open(struct journal *journal, const struct settings_logging *logging,
			     const char *directory, const char *component, struct error *err);

/* One line of a script's output. `step` is as in "Run.Script". A disk that is full loses lines, no
 * more. */
void journal_output(struct journal *journal, enum script_stream stream, const char *step,
		    const char *state, const char *line);

/* One thing that happened to the component. */
void journal_note(struct journal *journal, bool is_error, const char *state, const char *format,
		  ...) printf_like(4, 5);

void journal_close(struct journal *journal);

#endif
