/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_OUTQUEUE_H
#define LIFECYCLE_IPC_OUTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * What waits to be written to one client, as whole messages one after another. Events may be taken
 * out again while they wait, so that a client that does not read costs a bounded amount of memory;
 * answers never are.
 */

#define OUTQUEUE_EVENTS_MAX (256 * 1024)      /* bytes; beyond it old events make room */
#define OUTQUEUE_MAX        (4 * 1024 * 1024) /* bytes; beyond it the client is given up */

struct outqueue_note {
	uint32_t length;
	int32_t stream; /* of an event; 0: not to be dropped */
};

struct outqueue {
	struct buf bytes;            /* messages; a caller writes the next one at its end */
	size_t sent;                 /* bytes at the front that have been written */
	struct outqueue_note *notes; /* one for each message in `bytes` */
	size_t first, count, capacity;
	size_t noted; /* the sum of their lengths */
};

void outqueue_init(struct outqueue *queue);
void outqueue_done(struct outqueue *queue);

/* Bytes that wait. */
size_t outqueue_waiting(const struct outqueue *queue);

/* The message that was just written at the end of `bytes` is complete. */
void outqueue_note(struct outqueue *queue, int32_t stream);

/* Makes room for an event of this stream where OUTQUEUE_EVENTS_MAX is reached: its own oldest
 * events go first, then those of others, until a quarter of the room is free. A message that has
 * been begun is never dropped. Returns how many were dropped. */
size_t outqueue_make_room(struct outqueue *queue, int32_t stream);

/* Drops the waiting events of a stream that has ended. */
void outqueue_forget(struct outqueue *queue, int32_t stream);

/* Writes what the socket takes. Fails if the other end is gone; *is_moving tells whether anything
 * was written. */
must_check bool outqueue_flush(struct outqueue *queue, int fd, bool *is_moving, struct error *err);

#endif
