/* SPDX-License-Identifier: Apache-2.0 */
#include "base/visible.h"

#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT           "\xef\xbf\xbd" /* U+FFFD */
#define COLOUR_END            "\x1b[0m"
#define COLOUR_PARAMETERS_MAX 32

/* Bytes at the front that any terminal just prints, and tabs. */
static size_t plain_length(const char *text)
{
	size_t length = 0;

	while ((text[length] >= ' ' && text[length] < 0x7f) || text[length] == '\t')
		length++;
	return length;
}

static bool is_c1(const char *text, size_t length)
{
	return length == 2 && text[0] == '\xc2' && (unsigned char)text[1] < 0xa0;
}

/* ESC [ 1;31 m: colours and the like, which colour and do nothing else. 0: it is none. */
static size_t colour_length(const char *text)
{
	size_t parameters;

	if (text[0] != '\x1b' || text[1] != '[')
		return 0;
	parameters = strspn(text + 2, "0123456789;");
	return parameters <= COLOUR_PARAMETERS_MAX && text[2 + parameters] == 'm' ? parameters + 3
										  : 0;
}

/* Back to the terminal's own: no parameter, or zeros. */
static bool ends_colour(const char *text, size_t length)
{
	return strspn(text + 2, "0;") == length - 3;
}

/* Adds what `text` begins with, and returns its length. */
static size_t add_special(struct buf *buf, const char *text, size_t left)
{
	size_t length = utf8_length(text, left);

	if (length >= 2 && !is_c1(text, length)) {
		buf_add(buf, text, length);
		return length;
	}
	if ((unsigned char)*text < ' ')
		buf_printf(buf, "\\x%02x", (unsigned)*text);
	else
		buf_add_text(buf, REPLACEMENT);
	return length ? length : 1;
}

static void add(struct buf *buf, const char *text, bool keeps_colours)
{
	size_t left = strlen(text);
	bool is_coloured = false;

	while (left > 0) {
		size_t colour = keeps_colours ? colour_length(text) : 0;
		size_t step = colour ? colour : plain_length(text);

		if (colour)
			is_coloured = !ends_colour(text, colour);
		if (step > 0)
			buf_add(buf, text, step);
		else
			step = add_special(buf, text, left);
		text += step;
		left -= step;
	}
	if (is_coloured)
		buf_add_text(buf, COLOUR_END);
}

void visible_add(struct buf *buf, const char *text)
{
	add(buf, text, true);
}

void visible_add_plain(struct buf *buf, const char *text)
{
	add(buf, text, false);
}

void visible_put(FILE *file, const char *text)
{
	autobuf struct buf line = { 0 };

	buf_init(&line, VISIBLE_LINE_MAX);
	visible_add(&line, text);
	buf_add_char(&line, '\n');
	fwrite(line.data, 1, line.length, file);
}
