/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "lifecycle/stream/s3task.h"

/*
 * The letters of java.time.format.DateTimeFormatter, for Locale.US and UTC, as far as they have a
 * meaning for an instant. A run of one letter is one field; its length says how it is written.
 */

#define RUN_MAX 19

struct instant {
	struct tm tm;
	int64_t milliseconds; /* of the second */
};

static const char *const months[] = { "January",   "February", "March",    "April",
				      "May",       "June",     "July",     "August",
				      "September", "October",  "November", "December" };
static const char *const days[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
				    "Thursday", "Friday", "Saturday" };

static bool put_number(struct buf *out, long long number, size_t width)
{
	buf_printf(out, "%0*lld", (int)width, number);
	return true;
}

/* 1: the number, 2: two digits, 3: "Mar", 4: "March", 5: "M". */
static bool put_name(struct buf *out, const char *name, long long number, size_t width)
{
	switch (width) {
	case 1:
	case 2:
		return put_number(out, number, width);
	case 3:
		buf_printf(out, "%.3s", name);
		return true;
	case 4:
		buf_add_text(out, name);
		return true;
	case 5:
		buf_add(out, name, 1);
		return true;
	default:
		return false;
	}
}

static bool put_year(struct buf *out, int year, size_t width)
{
	return width == 2 ? put_number(out, year % 100, 2) : put_number(out, year, width);
}

/* The week belongs to the year of the Saturday that ends it; week 1 is the one with January 1. */
static int week_year(const struct tm *tm)
{
	int days_in_year =
		tm->tm_year % 4 == 0 && (tm->tm_year % 100 != 0 || (tm->tm_year + 1900) % 400 == 0)
			? 366
			: 365;

	return tm->tm_year + 1900 + (tm->tm_yday + (6 - tm->tm_wday) >= days_in_year);
}

static int week(const struct tm *tm)
{
	int saturday = tm->tm_yday + (6 - tm->tm_wday);

	return week_year(tm) > tm->tm_year + 1900 ? 1 : saturday / 7 + 1;
}

static bool put_fraction(struct buf *out, const struct instant *at, size_t width)
{
	char digits[RUN_MAX + 1];

	if (width > 9)
		return false;
	snprintf(digits, sizeof(digits), "%03d000000", (int)at->milliseconds);
	buf_add(out, digits, width);
	return true;
}

static bool put_date(struct buf *out, const struct instant *at, char letter, size_t width,
		     bool *is_known)
{
	const struct tm *tm = &at->tm;
	int quarter = tm->tm_mon / 3 + 1;

	switch (letter) {
	case 'y':
	case 'u':
		return put_year(out, tm->tm_year + 1900, width);
	case 'Y':
		return put_year(out, week_year(tm), width);
	case 'M':
	case 'L':
		return put_name(out, months[tm->tm_mon], tm->tm_mon + 1, width);
	case 'd':
		return width <= 2 && put_number(out, tm->tm_mday, width);
	case 'D':
		return width <= 3 && put_number(out, tm->tm_yday + 1, width);
	case 'E':
		return put_name(out, days[tm->tm_wday], 0, width < 3 ? 3 : width);
	case 'e':
		return put_name(out, days[tm->tm_wday], tm->tm_wday + 1, width);
	case 'w':
		return width <= 2 && put_number(out, week(tm), width);
	case 'W':
		return width == 1 &&
		       put_number(out, (tm->tm_mday + 6 - tm->tm_wday + 6) / 7, width);
	case 'Q':
	case 'q':
		if (width <= 2)
			return put_number(out, quarter, width);
		buf_printf(out, "Q%d", quarter);
		return width == 3;
	case 'G':
		buf_add_text(out, width == 4 ? "Anno Domini" : width == 5 ? "A" : "AD");
		return width <= 5;
	default:
		*is_known = false;
		return false;
	}
}

static bool put_time(struct buf *out, const struct instant *at, char letter, size_t width)
{
	const struct tm *tm = &at->tm;
	int64_t of_day =
		((tm->tm_hour * 60 + tm->tm_min) * 60 + tm->tm_sec) * 1000LL + at->milliseconds;
	int number;

	switch (letter) {
	case 'a':
		buf_add_text(out, tm->tm_hour < 12 ? "AM" : "PM");
		return width == 1;
	case 'S':
		return put_fraction(out, at, width);
	case 'A':
		return put_number(out, of_day, width);
	case 'n':
		return put_number(out, at->milliseconds * 1000000, width);
	case 'N':
		return put_number(out, of_day * 1000000, width);
	case 'H':
		number = tm->tm_hour;
		break;
	case 'k':
		number = tm->tm_hour ? tm->tm_hour : 24;
		break;
	case 'K':
		number = tm->tm_hour % 12;
		break;
	case 'h':
		number = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
		break;
	case 'm':
		number = tm->tm_min;
		break;
	case 's':
		number = tm->tm_sec;
		break;
	case 'z':
		buf_add_text(out, "UTC");
		return width <= 3;
	case 'X':
		buf_add_text(out, "Z");
		return width <= 5;
	default:
		return false;
	}
	return width <= 2 && put_number(out, number, width);
}

static bool put_pattern(struct buf *out, const struct instant *at, const char *pattern,
			size_t length, struct error *err)
{
	size_t width;

	for (size_t i = 0; i < length; i += width) {
		bool is_known = true;

		for (width = 1; i + width < length && pattern[i + width] == pattern[i]; width++)
			;
		if (pattern[i] == '/') {
			for (size_t slash = 0; slash < width; slash++)
				buf_add_char(out, '/');
			continue;
		}
		if (width > RUN_MAX || (!put_date(out, at, pattern[i], width, &is_known) &&
					(is_known || !put_time(out, at, pattern[i], width))))
			return error_set(err, ERROR_INPUT,
					 "key: !{timestamp:%.*s}: \"%.*s\" is not understood",
					 (int)length, pattern, (int)width, pattern + i);
	}
	return true;
}

bool s3_key_resolve(struct arena *arena, const char *key, int64_t milliseconds,
		    const char **resolved, struct error *err)
{
	static const char timestamp[] = "!{timestamp:";
	struct instant at = { .milliseconds = milliseconds % 1000 };
	time_t seconds = (time_t)(milliseconds / 1000);
	autobuf struct buf out;
	const char *start;

	buf_init(&out, S3_KEY_MAX);
	if (!gmtime_r(&seconds, &at.tm))
		return error_set(err, ERROR_INPUT, "key: this time has no date");
	for (; (start = strstr(key, "!{")); key = strchr(start, '}') + 1) {
		const char *pattern = start + strlen(timestamp);

		buf_add(&out, key, (size_t)(start - key));
		if (strncmp(start, timestamp, strlen(timestamp)) != 0 || !strchr(pattern, '}'))
			return error_set(err, ERROR_INPUT,
					 "key: only !{timestamp:PATTERN} is understood: %.80s",
					 start);
		if (!put_pattern(&out, &at, pattern, strcspn(pattern, "}"), err))
			return false;
	}
	buf_add_text(&out, key);
	if (!buf_check(&out, "key", err))
		return false;
	*resolved = arena_strdup(arena, out.data);
	return true;
}
