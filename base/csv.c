/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

#include <stdbool.h>
#include <string.h>

char *csv_next(char **rest)
{
	char *from = *rest, *to = *rest, *field = *rest;
	bool is_quoted = false;

	if (!from)
		return NULL;
	for (; *from && (is_quoted || *from != ','); from++) {
		if (*from != '"')
			*to++ = *from;
		else if (is_quoted && from[1] == '"')
			*to++ = *from++;
		else
			is_quoted = !is_quoted;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return field;
}

const char *csv_add(struct arena *arena, const char *line, const char *key, const char *value)
{
	const char *quoted = "";

	if (!value)
		return line;
	if (!strpbrk(value, ",\"\n"))
		return arena_printf(arena, "%s,%s=%s", line, key, value);
	for (const char *c = value; *c; c++)
		quoted = arena_printf(arena, "%s%s%c", quoted, *c == '"' ? "\"" : "", *c);
	return arena_printf(arena, "%s,\"%s=%s\"", line, key, quoted);
}
