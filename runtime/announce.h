/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_ANNOUNCE_H
#define RUNTIME_ANNOUNCE_H

#include "runtime/exitrecord.h"

/*
 * What a monitor has to say to `docker events` (base/journal.h): who is interested knows the rest
 * by the ID. `journal` NULL: nothing is told.
 */
void announce_start(const char *journal, const char *id);
void announce_end(const char *journal, const char *id, const struct exit_record *end);
/* A program that docker exec started has ended; `exec_id` as its start was told with. */
void announce_exec_end(const char *journal, const char *id, const char *exec_id, int code);

#endif
