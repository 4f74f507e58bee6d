/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_EXECSTREAMS_H
#define RUNTIME_EXECSTREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/flow.h"
#include "runtime/foreground.h"

/*
 * The three streams of a program that is executed in a container, when they may not be the caller's
 * own: by way of /proc/self/fd a program opens its streams anew, and so writes to a file that it
 * was given to read, walks out of a directory, or listens at the caller's terminal long after it
 * has ended. It gets pipes, and what goes through them is copied.
 */

#define EXECSTREAMS_BUFFER 65536

struct execstreams {
	struct flow flows[3];
	uint64_t owed[3]; /* bytes to be read in all, as the program itself has written them */
	int callers[3];   /* kept while the program's ends stand in their place; -1 */
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
 * Copies until `child` has ended, and reaps it at once; then until nothing more comes. All signals
 * are blocked in the caller, and go to the child, or end the copying where the child has ended. All
 * that it said is copied, however long that takes. What it left running keeps its pipes open: for
 * that we wait EXECSTREAMS_SECONDS, and leave a process behind that reads on for
 * FOREGROUND_DRAIN_SECONDS. Then it finds its pipes closed, as with dockerd, which closes them some
 * four seconds after the program's end.
 */
#define EXECSTREAMS_SECONDS 2
must_check bool execstreams_run(struct execstreams *streams, const struct foreground *child,
				int *status, struct error *err);

/* Closes our ends. */
void execstreams_done(struct execstreams *streams);

#endif
