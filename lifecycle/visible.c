/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/visible.h"

#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

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

void visible_add(struct buf *buf, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t step = plain_length(text);

		if (step > 0) {
			buf_add(buf, text, step);
		} else if ((unsigned char)*text < ' ') {
			step = 1;
			buf_printf(buf, "\\x%02x", (unsigned)*text);
		} else {
			step = utf8_length(text, left);
			if (step < 2 || is_c1(text, step))
				buf_add_text(buf, REPLACEMENT);
			else
				buf_add(buf, text, step);
			step += step == 0;
		}
		text += step;
		left -= step;
	}
}

void visible_put(FILE *file, const char *text)
{
	autobuf struct buf line = { 0 };

	buf_init(&line, VISIBLE_LINE_MAX);
	visible_add(&line, text);
	buf_add_char(&line, '\n');
	fwrite(line.data, 1, line.length, file);
}
