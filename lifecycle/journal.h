/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_JOURNAL_H
#define LIFECYCLE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "lifecycle/script.h"

/*
 * A component's log, ROOT/logs/NAME.log, in Greengrass' text format. At 1 MiB it becomes
 * NAME_yyyy_MM_dd_HH_n.log; the oldest go when there are more than nine of those.
 */

#define JOURNAL_FILE_MAX  (1024 * 1024)
#define JOURNAL_FILES_MAX 9

struct journal {
	const char *directory;
	const char *component;
	int fd; /* -1: not open */
	size_t size;
};

/* Opens (makes) the file; the texts are kept by reference. */
must_check bool journal_open(struct journal *journal, const char *directory, const char *component,
			     struct error *err);

/* One line of a script's output. `step` is as in "Run.Script". A disk that is full loses lines, no
 * more. */
void journal_output(struct journal *journal, enum script_stream stream, const char *step,
		    const char *state, const char *line);

/* One thing that happened to the component. */
void journal_note(struct journal *journal, bool is_error, const char *state, const char *format,
		  ...) printf_like(4, 5);

void journal_close(struct journal *journal);

#endif
