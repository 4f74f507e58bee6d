/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>

#define DAY_SECONDS 86400

int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Days since 1970 to a date, by the civil calendar's 400-year cycle. gmtime_r would look for the
 * machine's time zone files first. */
static void date_of(int64_t days, int *year, int *month, int *day)
{
	days += 719468; /* from 0000-03-01, where leap days come last in their year */

	int64_t era = days / 146097;
	int of_era = (int)(days % 146097);
	int year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = (int)(era * 400) + year_of_era + (*month <= 2);
}

size_t clock_print(char text[CLOCK_TEXT_SIZE], const struct timespec *instant)
{
	int second = (int)(instant->tv_sec % DAY_SECONDS);
	int64_t days = instant->tv_sec / DAY_SECONDS;
	int year, month, day;

	if (second < 0) { /* before 1970: a device without a battery for its clock */
		second += DAY_SECONDS;
		days--;
	}
	date_of(days, &year, &month, &day);
	return (size_t)snprintf(text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", year,
				month, day, second / 3600, second / 60 % 60, second % 60,
				instant->tv_nsec);
}

void clock_print_now(char text[CLOCK_TEXT_SIZE])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_print(text, &now);
}

const char *clock_text(struct arena *arena, const struct timespec *instant)
{
	char text[CLOCK_TEXT_SIZE];

	clock_print(text, instant);
	return arena_strdup(arena, text);
}

const char *clock_now_text(struct arena *arena)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return clock_text(arena, &now);
}
