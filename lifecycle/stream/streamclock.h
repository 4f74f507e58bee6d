/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_STREAMCLOCK_H
#define LIFECYCLE_STREAM_STREAMCLOCK_H

#include <stdint.h>

#include "base/loop.h"

/*
 * The time, as all of the stream manager sees it. The nucleus can set it forward ("advance",
 * docs/architecture.md), so that a test sees a day of retries in a second.
 */
struct stream_clock {
	struct loop *loop;
	int64_t advanced; /* milliseconds */
};

int64_t stream_clock_now(const struct stream_clock *clock);  /* as loop_now */
int64_t stream_clock_wall(const struct stream_clock *clock); /* Unix milliseconds */

/* Every timer of the loop is nearer by that much. */
void stream_clock_advance(struct stream_clock *clock, int64_t milliseconds);

#endif
