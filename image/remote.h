/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_REMOTE_H
#define IMAGE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/fetcher.h"
#include "image/limits.h"
#include "image/stage.h"

/*
 * An archive of images in a bucket, read where it lies: headers and documents a piece at a time, by
 * Range, and of the layers only those that are wanted. It may change meanwhile: what comes of that
 * is found by the layers' digests.
 */
#define REMOTE_HEAD 512 /* bytes that are read first: a tar has as many at least */

struct remote_layer {
	const struct stage *stage; /* NULL: this place is free */
	int64_t id;                /* of the request */
	bool is_answered;
	struct fetch_reply reply;
};

struct remote {
	struct fetcher fetcher;
	const char *uri; /* "s3://BUCKET/KEY" */
	int64_t size;    /* of the object */
	int64_t at;      /* where the next read begins */
	size_t step;     /* how much it takes: more and more, as long as nothing is passed over */
	char head[REMOTE_HEAD];
	struct remote_layer layers[LAYERS_AT_ONCE];
};

/* Learns the object's size and its first bytes; `at` is behind them. `fetch` is mooring-fetch's
 * control socket. */
must_check bool remote_open(struct remote *remote, int fetch, const char *uri, struct error *err);

/* The next bytes, `room` at most; *count is 0 at the end. */
must_check bool remote_read(struct remote *remote, void *to, size_t room, size_t *count,
			    struct error *err);
void remote_skip(struct remote *remote, int64_t count);

/* All of it, from the beginning, through a pipe that is the caller's. remote_finish with the same
 * `stage`, which is only a name here, tells how that ended. */
must_check bool remote_stream(struct remote *remote, const struct stage *stage, int *from,
			      struct error *err);

/* Has a layer unpacked: bytes of the object, a member of the archive. */
must_check bool remote_start(struct remote *remote, int64_t start, int64_t size,
			     struct stage *stage, struct error *err);
/* Nobody reads any more, `is_good` or not: `err` is mooring-fetch's, if that is why. */
must_check bool remote_finish(struct remote *remote, const struct stage *stage, bool is_good,
			      struct error *err);

#endif
