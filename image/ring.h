/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_RING_H
#define IMAGE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Bytes from one process to another through memory that they share, where a pipe would allocate a
 * page for every 4 KiB and lock itself around two copies of it. Two small pipes pass the turn:
 *
 *     writer   fills a block, tells its length through `told`
 *     reader   takes it, hands it back through `back`
 *
 * A writer that has fallen into wrong hands can change a block while it is read. So the reader
 * makes a copy of what it looks at; what it only passes on, it passes on from here. A writer that
 * says nothing is waited for, as it may wait itself for a slow network or a user's pipe: whoever
 * started both may end them, and who feeds the writer knows when that takes too long (mooring-fetch
 * has its low-speed timeout).
 */
#define RING_BLOCK  (64 << 10)
#define RING_BLOCKS 4

struct ring {
	char *memory;       /* RING_BLOCKS blocks; NULL: none */
	int told[2];        /* reader's end, writer's end; -1: closed */
	int back[2];        /* the same: the writer reads here */
	unsigned int next;  /* the block whose turn it is: each side counts for itself */
	unsigned int taken; /* writer: blocks that were not handed back so far */
};

/* Before both processes are forked, each of which uses its copy and ignores SIGPIPE. */
must_check bool ring_make(struct ring *ring, struct error *err);

/* Closes and unmaps what this process has of it. Nothing there: nothing happens. */
void ring_done(struct ring *ring);

/* Waits for room and shows it: RING_BLOCK bytes, the same until ring_send. NULL and EPIPE in errno
 * when the reader is gone. */
char *ring_room(struct ring *ring);
/* Passes on the first `count` bytes of the room; 0: nothing happens. Fails as ring_room. */
must_check bool ring_send(struct ring *ring, size_t count);

/* As read(2): at least one byte and at most RING_BLOCK, 0 when the writer is gone, -1 and errno.
 * The bytes stay where they are until ring_give; each block is to be given back before the next. */
ssize_t ring_take(struct ring *ring, const void **bytes);
/* Hands back the block that was taken. Fails as write(2). */
must_check bool ring_give(struct ring *ring);

#endif
