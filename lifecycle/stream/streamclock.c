/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/streamclock.h"

#include <time.h>

int64_t stream_clock_now(const struct stream_clock *clock)
{
	return loop_now() + clock->advanced;
}

int64_t stream_clock_wall(const struct stream_clock *clock)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + clock->advanced;
}

void stream_clock_advance(struct stream_clock *clock, int64_t milliseconds)
{
	clock->advanced += milliseconds;
	for (struct loop_timer *timer = clock->loop->timers; timer; timer = timer->next)
		timer->deadline -= milliseconds; /* their order stays */
}
