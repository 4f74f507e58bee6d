/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/goquote.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define ESCAPE_MAX 4 /* bytes that one byte can become */

/* Of what strconv.IsPrint refuses: controls, spaces but ' ', and what is drawn by moving others. */
static bool is_printable(unsigned rune)
{
	static const struct {
		unsigned first, last;
	} refused[] = { { 0, 0x1f },        { 0x7f, 0xa0 },       { 0xad, 0xad },
			{ 0x61c, 0x61c },   { 0x1680, 0x1680 },   { 0x180e, 0x180e },
			{ 0x2000, 0x200f }, { 0x2028, 0x202f },   { 0x205f, 0x206f },
			{ 0x3000, 0x3000 }, { 0xe000, 0xf8ff },   { 0xfeff, 0xfeff },
			{ 0xfff9, 0xfffb }, { 0xe0000, 0xe007f }, { 0xf0000, 0x10ffff } };

	for (size_t i = 0; i < COUNT_OF(refused); i++)
		if (rune >= refused[i].first && rune <= refused[i].last)
			return false;
	return true;
}

static void add_byte(struct buf *out, unsigned char byte)
{
	static const char letters[] = "abtnvfr"; /* from 7 on */

	if (byte == '"' || byte == '\\')
		buf_printf(out, "\\%c", byte);
	else if (byte >= '\a' && byte <= '\r')
		buf_printf(out, "\\%c", letters[byte - '\a']);
	else if (byte < ' ' || byte >= 0x7f)
		buf_printf(out, "\\x%02x", byte);
	else
		buf_add_char(out, (char)byte);
}

static void add_rune(struct buf *out, const char *text, size_t length)
{
	unsigned rune = utf8_decode(text, length);

	if (is_printable(rune))
		buf_add(out, text, length);
	else
		buf_printf(out, rune > 0xffff ? "\\U%08x" : "\\u%04x", rune);
}

const char *goquote(struct arena *arena, const char *text)
{
	size_t left = strlen(text);
	autobuf struct buf out;

	buf_init(&out, ESCAPE_MAX * left + sizeof("\"\""));
	buf_add_char(&out, '"');
	while (left > 0) {
		size_t length = utf8_length(text, left);

		if (length > 1)
			add_rune(&out, text, length);
		else
			add_byte(&out, (unsigned char)text[0]);
		length = length ? length : 1;
		text += length;
		left -= length;
	}
	buf_add_char(&out, '"');
	return arena_strndup(arena, out.data, out.length);
}
