/* SPDX-License-Identifier: Apache-2.0 */
#include "base/size.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "b", "k", "kb", "KiB", …: the power of 1024, or -1. */
static int unit_power(const char *unit)
{
	static const char letters[] = "bkmgtp";

	if (!*unit)
		return 0;
	const char *letter = strchr(letters, tolower((unsigned char)unit[0]));
	if (!letter)
		return -1;
	int power = (int)(letter - letters);
	bool is_plain = !unit[1];
	bool has_suffix =
		power && (strcasecmp(unit + 1, "b") == 0 || strcasecmp(unit + 1, "ib") == 0);
	return is_plain || has_suffix ? power : -1;
}

bool size_parse(const char *text, int64_t *bytes, struct error *err)
{
	char *end = NULL;

	if (strcmp(text, "-1") == 0) {
		*bytes = -1;
		return true;
	}
	if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xXeE"))
		return error_set(err, ERROR_INPUT,
				 isdigit((unsigned char)text[0]) ? "invalid suffix: '%s'"
								 : "invalid size: '%s'",
				 isdigit((unsigned char)text[0])
					 ? text + strspn(text, "0123456789.")
					 : text);
	double number = strtod(text, &end);
	while (*end == ' ')
		end++;
	int power = unit_power(end);
	if (power < 0)
		return error_set(err, ERROR_INPUT, "invalid suffix: '%s'", end);
	for (; power > 0; power--)
		number *= 1024;
	if (number >= (double)INT64_MAX)
		return error_set(err, ERROR_INPUT, "invalid size: '%s'", text);
	*bytes = (int64_t)number;
	return true;
}
