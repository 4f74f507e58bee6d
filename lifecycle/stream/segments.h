/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_SEGMENTS_H
#define LIFECYCLE_STREAM_SEGMENTS_H

#include "lifecycle/stream/stream.h"

/*
 * The files (or the one memfd) that a stream's segments are in. For stream.c and streamread.c.
 */

/* Finds the segments of an opened directory, reads through the newest and cuts off what is torn. */
must_check bool segments_recover(struct stream *stream, struct error *err);

/* Starts a new segment, to which everything is appended from now on. */
must_check bool segments_roll(struct stream *stream, struct error *err);

/* Drops the oldest; it must not be the newest. */
must_check bool segments_drop_oldest(struct stream *stream, struct error *err);

/* A descriptor to read the segment with; it stays the stream's. */
must_check bool segments_reader(struct stream *stream, const struct segment *segment, int *fd,
				struct error *err);

/* The newest. */
struct segment *segments_active(const struct stream *stream);

#endif
