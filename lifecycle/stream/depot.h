/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_DEPOT_H
#define LIFECYCLE_STREAM_DEPOT_H

#include "lifecycle/stream/authors.h"
#include "lifecycle/stream/stream.h"

/*
 * All streams of the device.
 *
 *     ROOT/%lock  %authors
 *     ROOT/%trash/           streams that are being removed
 *     ROOT/streams/NAME/     stream.h
 */

#define DEPOT_STREAMS_MAX 1024

struct depot {
	int root, streams_dir, trash_dir;
	int lock;
	struct stream *streams; /* by name */
	size_t count;
	struct authors authors;
	struct memory_budget budget;
};

/* Opens the directory `path` (which is there) and every stream in it. A stream that cannot be read
 * is left as it is, and reported. ERROR_EXISTS: somebody else has it open. */
must_check bool depot_open(struct depot *depot, const char *path, int64_t memory_limit,
			   struct error *err);
void depot_close(struct depot *depot);

/* NULL: there is none. */
struct stream *depot_find(const struct depot *depot, const char *name);

/* ERROR_EXISTS: "… already exists". */
must_check bool depot_create(struct depot *depot, const struct definition *definition,
			     struct stream **stream, struct error *err);

/* Removes the stream and all its data, and frees it. */
must_check bool depot_delete(struct depot *depot, struct stream *stream, struct error *err);

#endif
