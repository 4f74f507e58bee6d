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
 * of those go when all are larger than `totalLogsSizeKB` (10 MiB). Where the lines go, in which
 * form and from which level on is the nucleus' configuration, `logging`, which may change.
 *
 * Binary output stays harmless (visible.h), in JSON by its own escapes.
 */

struct journal {
	const struct settings_logging *logging; /* the caller's; what it says may change */
	const char *component;
	char *directory; /* of the file; it is open, or was */
	int fd;          /* -1: not open */
	size_t size;
	int64_t hour; /* of the first line, since 1970 */
};

/* Opens nothing yet; what is given is kept by reference. */
void journal_init(struct journal *journal, const struct settings_logging *logging,
		  const char *component);

/* Opens (makes) the file, if it is to be one: so that it is known whether that works. The first
 * line would do it, too. */
must_check bool journal_open(struct journal *journal, struct error *err);

/* After a fork that has closed all descriptors: the number may be another file's. */
void journal_forget(struct journal *journal);

/* One line of a script's output: INFO, or WARN if it came from stderr. `step` is as in
 * "Run.Script". A disk that is full loses lines, no more. */
void journal_output(struct journal *journal, enum script_stream stream, const char *step,
		    const char *state, const char *line);

/* One thing that happened to the component. */
void journal_note(struct journal *journal, enum logline_level level, const char *state,
		  const char *format, ...) printf_like(4, 5);

/* May be opened again. */
void journal_close(struct journal *journal);

#endif
