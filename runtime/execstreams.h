/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_EXECSTREAMS_H
#define RUNTIME_EXECSTREAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/foreground.h"

/*
 * The three streams of a program that is executed in a container, when they may not be the caller's
 * own: by way of /proc/self/fd a program opens its streams anew, and so writes to a file that it
 * was given to read, walks out of a directory, or listens at the caller's terminal long after it
 * has ended. It gets pipes, and what goes through them is copied.
 */

#define EXECSTREAMS_BUFFER 65536

struct execstreams {
	struct execstream {
		int from, to;         /* -1: ended */
		size_t start, length; /* of the buffer: what was read and is not yet written */
		size_t owed;          /* bytes in the pipe that the program itself has written */
		bool is_to_file;      /* which never makes us wait */
		char *buffer;         /* EXECSTREAMS_BUFFER bytes */
	} streams[3];
	int callers[3]; /* kept while the program's ends stand in their place; -1 */
};

/* Nothing is open. */
void execstreams_init(struct execstreams *streams);

/*
 * Puts the program's ends in the place of our descriptors 0 to 2, until execstreams_restore: what
 * is executed meanwhile has them. With `is_deaf`, 0 stays as it is. Fails with ERROR_SYSTEM; then,
 * too, restore.
 */
must_check bool execstreams_open(struct execstreams *streams, bool is_deaf, struct error *err);
/* Our descriptors are the caller's again. */
void execstreams_restore(struct execstreams *streams);

/*
 * Copies until `child` has ended and nothing more comes; all signals are blocked in the caller, and
 * go to the child, or end the copying where the child has ended. All that it said is copied,
 * however long that takes. What it left running keeps its pipes open: for that we wait
 * EXECSTREAMS_SECONDS, as dockerd does, and leave a process behind that reads on, so that nothing
 * ends by SIGPIPE.
 */
#define EXECSTREAMS_SECONDS 2
must_check bool execstreams_run(struct execstreams *streams, const struct foreground *child,
				struct error *err);

/* Closes our ends. */
void execstreams_done(struct execstreams *streams);

#endif
