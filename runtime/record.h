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

/* --debug: from now on steps are told, to the log or else to standard error. `log` stays the
 * caller's, for as long. */
void record_steps(bool is_json, const char *log);
/* A step on a container's way. The words are runc's, where tools look for them. */
void record_step(const char *text);

#endif
