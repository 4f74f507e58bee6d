/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

bool duration_parse(const char *text, double *seconds)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "ns", 1e-9 }, { "us", 1e-6 }, { "ms", 1e-3 },
		      { "h", 3600 },  { "m", 60 },    { "s", 1 } };

	*seconds = 0;
	do {
		char *end = NULL;
		size_t i = 0;

		if (!*text || !strchr("0123456789.", *text))
			return false;
		double number = strtod(text, &end);
		while (i < COUNT_OF(units) &&
		       strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (end == text || i == COUNT_OF(units))
			return false;
		*seconds += number * units[i].seconds;
		text = end + strlen(units[i].unit);
	} while (*text);
	return true;
}
