/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

bool duration_parse(const char *text, double *seconds)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "ns", 1e-9 }, { "us", 1e-6 }, { "\u00b5s", 1e-6 }, { "\u03bcs", 1e-6 },
		      { "ms", 1e-3 }, { "h", 3600 },  { "m", 60 },         { "s", 1 } };

	*seconds = 0;
	do {
		const size_t length = strspn(text, "0123456789.");
		char *end = NULL;
		size_t i = 0;
		double number = strtod(text, &end);

		if (length == 0 || end != text + length) /* strtod takes "0x1" and "1e5" too */
			return false;
		while (i < COUNT_OF(units) &&
		       strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (i == COUNT_OF(units))
			return false;
		*seconds += number * units[i].seconds;
		text = end + strlen(units[i].unit);
	} while (*text);
	return true;
}

/* The whole part, and of the fraction as many digits as say something. Returns their end. */
static char *add_decimal(char *at, uint64_t value, uint64_t unit)
{
	uint64_t rest = value % unit;

	at += sprintf(at, "%" PRIu64, value / unit);
	if (rest)
		*at++ = '.';
	for (unit /= 10; rest; unit /= 10) {
		*at++ = (char)('0' + rest / unit);
		rest %= unit;
	}
	return at;
}

char *duration_text(int64_t nanoseconds, char *text)
{
	const uint64_t second = 1000000000, minute = 60 * second, hour = 60 * minute;
	uint64_t value = nanoseconds < 0 ? -(uint64_t)nanoseconds : (uint64_t)nanoseconds;
	uint64_t unit = second;
	const char *name = "s";
	char *at = text;

	if (value && value < second) {
		unit = value < 1000 ? 1 : value < 1000000 ? 1000 : 1000000;
		name = unit == 1 ? "ns" : unit == 1000 ? "µs" : "ms";
	}
	if (nanoseconds < 0)
		*at++ = '-';
	if (value >= hour)
		at += sprintf(at, "%" PRIu64 "h", value / hour);
	if (value >= minute)
		at += sprintf(at, "%" PRIu64 "m", value % hour / minute);
	at = add_decimal(at, value % minute, unit);
	memcpy(at, name, strlen(name) + 1);
	return text;
}
