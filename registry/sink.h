/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_SINK_H
#define REGISTRY_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * The descriptor a body goes to. It never blocks: what a full pipe does not take is kept, and the
 * sender must pause until sink_flush has written it.
 */
struct sink {
	int fd; /* owned; -1 once closed */
	struct buf kept;
};

/* Takes the descriptor over. `limit` is the most that one sink_put may leave behind. */
void sink_init(struct sink *sink, int fd, size_t limit);
void sink_done(struct sink *sink); /* closes: the reader sees the end */

must_check bool sink_put(struct sink *sink, const void *bytes, size_t count, struct error *err);
must_check bool sink_flush(struct sink *sink, struct error *err);
bool sink_is_full(const struct sink *sink); /* something is kept */

#endif
