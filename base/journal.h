/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * What happened to containers, images, volumes and networks, for `docker events`: one JSON object a
 * line, appended by whoever did it with one write(2), so that lines of many writers never mix and a
 * killed writer leaves a whole line or none. A file that has grown to JOURNAL_SIZE_MAX becomes
 * PATH.1, in place of the one before it: never more than twice that is kept. The file is volatile:
 * it lies in the run directory, and no writer waits for a disk.
 *
 *     {"time":NANOSECONDS,"type":"container","action":"start","id":"…","attributes":{"name":"web"}}
 */

#define JOURNAL_NAME     "events"
#define JOURNAL_SIZE_MAX (512 << 10)
#define JOURNAL_LINE_MAX (32 << 10) /* bytes; a longer line loses its attributes */

struct journal_entry {
	const char *type, *action, *id;
	const char *const *attributes; /* "KEY=VALUE" */
	size_t count;
};

/* `directory` is the run directory. Best effort: what cannot be written is not worth failing for.
 */
void journal_add(const char *directory, const struct journal_entry *entry);

#endif
