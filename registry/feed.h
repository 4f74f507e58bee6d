/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_FEED_H
#define REGISTRY_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/error.h"

/*
 * What a request's body comes from: memory, or a descriptor. Its length is known beforehand. It
 * never blocks: where a pipe has nothing yet, the sender pauses until feed_is_ready.
 */
struct feed {
	const char *bytes; /* NULL: from `fd` */
	int fd;            /* owned; -1 if there is none */
	int64_t size;
	int64_t start;   /* where the body begins in a file; -1: a pipe, which cannot go back */
	int64_t skipped; /* of what is in front of `start` and belongs to the body, too */
	int64_t given;
	bool is_waiting; /* the last feed_read found nothing yet */
};

void feed_init_memory(struct feed *feed, const char *bytes, size_t size);
/* Takes the descriptor over; what it holds from its present position on is the body. */
void feed_init_fd(struct feed *feed, int fd, int64_t size);
void feed_done(struct feed *feed);

enum feed_state {
	FEED_BYTES,
	FEED_EMPTY, /* nothing yet: wait until feed->fd is readable */
	FEED_END,
	FEED_BROKEN,
};

/* At most `room` bytes; *count of them. */
enum feed_state feed_read(struct feed *feed, char *bytes, size_t room, size_t *count,
			  struct error *err);

/* Begins again at `offset`. False if that cannot be. */
bool feed_seek(struct feed *feed, int64_t offset);
/* Leaves the first `count` bytes of the whole body away, from now on; 0: all of it again. Not of a
 * pipe. */
void feed_skip(struct feed *feed, int64_t count);
bool feed_can_rewind(const struct feed *feed);
bool feed_is_ready(const struct feed *feed);

/* SHA-256 of the whole body; not of a pipe. */
must_check bool feed_hash(const struct feed *feed, struct digest *digest, struct error *err);

#endif
