/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_RECORD_H
#define RUNTIME_RECORD_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * The records of --log, as runc writes them: one line each, in the form of --log-format.
 */

#define RECORD_MAX (8 * ERROR_TEXT_MAX)

void record_add(struct buf *record, bool is_json, const char *level, const char *text);
/* The log, for appending; made if it is missing. -1: errno says why. */
int record_open(const char *path);

/* From now on warnings, and with --debug steps, are told: to the log or else to standard error. The
 * log's name stays the caller's, for as long. */
struct record_way {
	const char *log;
	bool is_json, has_steps;
};
void record_begin(const struct record_way *way);
/* What is not as the config has it, but no reason to fail. Silent in other programs than ours. */
void record_warning(const char *format, ...) printf_like(1, 2);
/* A step on a container's way. The words are runc's, where tools look for them. */
void record_step(const char *format, ...) printf_like(1, 2);

#endif
