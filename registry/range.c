/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/range.h"

#include <string.h>
#include <strings.h>

/* 10^18 - 1 is the largest number taken: no size is that large, and none can overflow. */
#define DIGITS_MAX 18

/* Digits at *text, moved behind them; -1 if there are none, or too many. */
static int64_t read_number(const char **text)
{
	size_t length = strspn(*text, "0123456789");
	int64_t number = 0;

	if (length == 0 || length > DIGITS_MAX)
		return -1;
	for (; length > 0; length--)
		number = number * 10 + *(*text)++ - '0';
	return number;
}

static int64_t content_length(const struct http_response *response)
{
	char field[DIGITS_MAX + 2];
	const char *text = field;

	if (!http_header(response, "Content-Length", 0, field, sizeof(field)))
		return -1;
	int64_t length = read_number(&text);

	return *text == '\0' ? length : -1;
}

static bool is_coded(const struct http_response *response)
{
	char coding[256];

	return http_header(response, "Content-Encoding", 0, coding, sizeof(coding)) && coding[0] &&
	       strcasecmp(coding, "identity") != 0;
}

/* "bytes 100-199/200": where it begins, where it ends (the byte behind), and how much there is in
 * all. */
static bool read_content_range(const char *text, int64_t *start, int64_t *end, int64_t *whole)
{
	if (strncmp(text, "bytes ", 6) != 0)
		return false;
	text += 6;
	*start = read_number(&text);
	if (*start < 0 || *text++ != '-')
		return false;
	int64_t last = read_number(&text);

	if (last < *start || *text++ != '/')
		return false;
	*whole = read_number(&text);
	*end = last + 1;
	return *text == '\0' && *whole >= *end;
}

const char *range_read(const struct http_response *response, int64_t position, int64_t end,
		       struct range *range)
{
	char field[80];
	int64_t start, stop;

	range->is_coded = is_coded(response);
	range->whole = content_length(response);
	range->skip = position;
	if (response->status == 200)
		return end < 0 ? NULL : "the server sends all where a part was asked for";
	range->skip = 0;
	if (!http_header(response, "Content-Range", 0, field, sizeof(field)) ||
	    !read_content_range(field, &start, &stop, &range->whole))
		return "the server's Content-Range makes no sense";
	return start == position && stop == (end < 0 ? range->whole : end)
		       ? NULL
		       : "the server sent another range than was asked for (Content-Range)";
}
