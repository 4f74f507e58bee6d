/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SIGNAME_H
#define RUNTIME_SIGNAME_H

#include <stdbool.h>

#include "base/error.h"

/* Reads a signal as people write it: "TERM", "SIGTERM", "sigterm", "RTMIN+3", "15". */
must_check bool signame_parse(const char *text, int *signal, struct error *err);

/* One of those by which a user, or a supervisor, asks programs to end: HUP, INT, QUIT, TERM. */
bool signame_asks_to_end(int signal);

#endif
