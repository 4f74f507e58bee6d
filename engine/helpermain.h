/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HELPERMAIN_H
#define ENGINE_HELPERMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * The life of a program that serves containers beside them: whoever starts it passes descriptors
 * from 3 on, and waits only until it has left (detach.h) and its process ID is on standard output.
 * Then it gives up what it has (resolverconfine.h) and runs.
 */
#define HELPERMAIN_FDS 2

struct helper {
	const char *program; /* "mooring-resolver" */
	const char *name;    /* of the process: 15 characters */
	size_t fd_count;     /* at most HELPERMAIN_FDS */
	bool (*run)(const int *fds, struct error *err);
};

/* What main returns to who starts it; the helper itself does not come back. */
int helpermain(const struct helper *helper);

#endif
