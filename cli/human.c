/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/human.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/error.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    24 /* hours, as the rest */
#define WEEK   (7 * DAY)
#define MONTH  (30 * DAY)
#define YEAR   (365 * DAY)

char *human_size(int64_t bytes, int digits, char *text)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double most = digits >= 4 ? 999.95
				  : 999.5; /* what rounds up to 1000 of a unit is 1 of the next */
	double number = bytes > 0 ? (double)bytes : 0;
	size_t unit = 0;

	while (number >= most && unit + 1 < COUNT_OF(units)) {
		number /= 1000;
		unit++;
	}
	snprintf(text, HUMAN_MAX, "%.*g%s", digits, number, units[unit]);
	return text;
}

char *human_binary_size(int64_t bytes, char *text)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double number = bytes > 0 ? (double)bytes : 0;
	size_t unit = 0;

	while (number >= 1024 && unit + 1 < COUNT_OF(units)) {
		number /= 1024;
		unit++;
	}
	snprintf(text, HUMAN_MAX, "%.4g%s", number, units[unit]);
	return text;
}

static char *count(char *text, int64_t number, const char *unit)
{
	snprintf(text, HUMAN_MAX, "%lld %s", (long long)number, unit);
	return text;
}

char *human_duration(int64_t seconds, char *text)
{
	int64_t hours = (seconds + HOUR / 2) / HOUR;

	if (seconds < 1)
		snprintf(text, HUMAN_MAX, "Less than a second");
	else if (seconds == 1)
		snprintf(text, HUMAN_MAX, "1 second");
	else if (seconds < MINUTE)
		count(text, seconds, "seconds");
	else if (seconds < 2 * MINUTE)
		snprintf(text, HUMAN_MAX, "About a minute");
	else if (seconds < HOUR)
		count(text, seconds / MINUTE, "minutes");
	else if (hours == 1)
		snprintf(text, HUMAN_MAX, "About an hour");
	else if (hours < 2 * DAY)
		count(text, hours, "hours");
	else if (hours < 2 * WEEK)
		count(text, hours / DAY, "days");
	else if (hours < 2 * MONTH)
		count(text, hours / WEEK, "weeks");
	else if (hours < 2 * YEAR)
		count(text, hours / MONTH, "months");
	else
		count(text, hours / YEAR, "years");
	return text;
}

char *human_errno(int sys, char *text)
{
	snprintf(text, HUMAN_MAX, "%s", error_words(sys));
	text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}
