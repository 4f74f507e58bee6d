/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGRECORD_H
#define ENGINE_LOGRECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* One record of a container's log: a line of what runtime/jsonlog.h writes. */

#define LOGRECORD_LINE_MAX                                                                         \
	(1 << 20) /* 16 KiB of log, escaped six times as long at most, and attributes */
#define LOGRECORD_TIME_MAX 40

struct logrecord {
	const char *bytes; /* as the container wrote them; in the caller's buffer */
	size_t length;
	bool is_stderr;
	const char *attributes; /* what is in the braces of "attrs", JSON; in the line; or NULL */
	size_t attributes_length;
	char time[LOGRECORD_TIME_MAX]; /* RFC 3339, nine digits at most */
};

/* Decodes a line without its newline into *text. False: it is damaged. Texts may hold NUL, which
 * base/json refuses. */
must_check bool logrecord_parse(const char *line, struct buf *text, struct logrecord *record);

#endif
