/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_LOGLINE_H
#define LIFECYCLE_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * One line of a component's log as journal.h writes it: "2020-12-08T01:11:17.615Z [INFO] (…", or
 * JSON. A component's message of several lines would be lines without either.
 */

enum logline_level {
	LOGLINE_TRACE,
	LOGLINE_DEBUG,
	LOGLINE_INFO,
	LOGLINE_WARN,
	LOGLINE_ERROR,
	LOGLINE_FATAL,
	LOGLINE_LEVELS,
};

const char *logline_level_name(enum logline_level level);
/* In any case; false: it is none. */
bool logline_parse_level(const char *name, enum logline_level *level);
/* All of their names, for messages. */
#define LOGLINE_LEVEL_NAMES "TRACE, DEBUG, INFO, WARN, ERROR, FATAL"

/* Milliseconds since 1970; false: the line does not say. */
bool logline_time(const char *line, int64_t *time);

/* True if the term holds: "level=WARN" (and above), "KEY=VALUE", or any text, in any case. A
 * key's value may stand in JSON. */
bool logline_holds(const char *line, const char *term);

/* Fails for a level that is none. */
must_check bool logline_check_term(const char *term, struct error *err);

/* A moment as people give it: 2020-12-08, 2020-12-08T01:11, 2020-12-08T01:11:17 or with .615, in
 * UTC, Z at the end or not. *time is the first millisecond of that, *end the first after it. */
must_check bool logline_parse_moment(const char *text, int64_t *time, int64_t *end,
				     struct error *err);

#endif
