/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

const char *clock_text(struct arena *arena, const struct timespec *instant)
{
	struct tm parts;

	gmtime_r(&instant->tv_sec, &parts);
	return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", parts.tm_year + 1900,
			    parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
			    parts.tm_sec, instant->tv_nsec);
}

const char *clock_now_text(struct arena *arena)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return clock_text(arena, &now);
}
