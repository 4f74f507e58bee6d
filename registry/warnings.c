/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/warnings.h"

#include <string.h>

#include "registry/limit.h"

#define PREFIX "299 - \""

/* Moves the quoted text at `from` to `to`, at most `size` bytes with a newline behind it; returns
 * its length, 0 if it has no end, or no room. */
static size_t take_text(const char *from, char *to, size_t size)
{
	size_t length = 0;

	for (; *from != '"'; from++) {
		if (*from == '\\')
			from++;
		if (*from == '\0' || length + 1 >= size)
			return 0;
		to[length++] = *from >= ' ' && *from <= '~' ? *from : '?';
	}
	if (length > 0)
		to[length++] = '\n';
	return length;
}

void warnings_read(const struct http_response *response, char *text, size_t size)
{
	char field[LIMIT_WARNING];
	size_t length = 0;

	for (size_t i = 0; i < LIMIT_WARNINGS; i++)
		if (http_header(response, "Warning", i, field, sizeof(field)) &&
		    strncmp(field, PREFIX, strlen(PREFIX)) == 0)
			length +=
				take_text(field + strlen(PREFIX), text + length, size - 1 - length);
	text[length] = '\0';
}
