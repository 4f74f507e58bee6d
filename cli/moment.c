/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "base/duration.h"
#include "image/config.h"

#define NANO 1000000000L

static bool parse_unix(const char *text, int64_t *seconds, long *nanoseconds)
{
	char *end = NULL;

	*seconds = strtoll(text, &end, 10);
	*nanoseconds = 0;
	if (end == text)
		return false;
	if (*end == '.') {
		long unit = NANO / 10;

		for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
			*nanoseconds += (*end - '0') * unit;
	}
	return *end == '\0';
}

/* "2020-01-01", "2020-01-01T10:00", "2020-01-01T10:00:00": what is missing is zero, UTC. */
static bool parse_date(const char *text, int64_t *seconds, long *nanoseconds)
{
	static const char *const formats[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
					       "%Y-%m-%dT%H:%M:%SZ" };

	if (image_time_parse(text, seconds, nanoseconds))
		return true;
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		struct tm parts = { 0 };
		const char *end = strptime(text, formats[i], &parts);

		if (end && *end == '\0') {
			*seconds = timegm(&parts);
			*nanoseconds = 0;
			return true;
		}
	}
	return false;
}

bool moment_parse(const char *text, const char *option, int64_t *seconds, long *nanoseconds,
		  struct error *err)
{
	double back;

	if (parse_unix(text, seconds, nanoseconds) || parse_date(text, seconds, nanoseconds))
		return true;
	if (!duration_parse(text, &back))
		return error_set(err, ERROR_INPUT,
				 "invalid value for \"%s\": failed to parse value as time or "
				 "duration: \"%s\"",
				 option, text);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	double at = (double)now.tv_sec + (double)now.tv_nsec / NANO - back;
	*seconds = (int64_t)at;
	*nanoseconds = (long)((at - (double)*seconds) * NANO);
	return true;
}

bool moment_parse_ns(const char *text, const char *option, int64_t *moment, struct error *err)
{
	int64_t seconds;
	long nanoseconds;

	if (!text || !*text)
		return true;
	if (!moment_parse(text, option, &seconds, &nanoseconds, err))
		return false;
	*moment = seconds * NANO + nanoseconds;
	return true;
}
