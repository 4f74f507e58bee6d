/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/textwidth.h"

#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/utf8.h"

/* EastAsianWidth.txt of Unicode 15: W and F; ranges of what is mostly so are taken whole. */
static const struct {
	uint32_t first, last;
} wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2329, 0x232a },   { 0x23e9, 0x23ec },
	{ 0x23f0, 0x23f0 },   { 0x23f3, 0x23f3 },   { 0x25fd, 0x25fe },   { 0x2614, 0x2615 },
	{ 0x2648, 0x2653 },   { 0x267f, 0x267f },   { 0x2693, 0x2693 },   { 0x26a1, 0x26a1 },
	{ 0x26aa, 0x26ab },   { 0x26bd, 0x26be },   { 0x26c4, 0x26c5 },   { 0x26ce, 0x26ce },
	{ 0x26d4, 0x26d4 },   { 0x26ea, 0x26ea },   { 0x26f2, 0x26f3 },   { 0x26f5, 0x26f5 },
	{ 0x26fa, 0x26fa },   { 0x26fd, 0x26fd },   { 0x2705, 0x2705 },   { 0x270a, 0x270b },
	{ 0x2728, 0x2728 },   { 0x274c, 0x274c },   { 0x274e, 0x274e },   { 0x2753, 0x2755 },
	{ 0x2757, 0x2757 },   { 0x2795, 0x2797 },   { 0x27b0, 0x27b0 },   { 0x27bf, 0x27bf },
	{ 0x2b1b, 0x2b1c },   { 0x2b50, 0x2b50 },   { 0x2b55, 0x2b55 },   { 0x2e80, 0x303e },
	{ 0x3041, 0x3247 },   { 0x3250, 0x4dbf },   { 0x4e00, 0xa4cf },   { 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe10, 0xfe19 },   { 0xfe30, 0xfe6f },
	{ 0xff01, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x16fe0, 0x18d08 }, { 0x1aff0, 0x1b2fb },
	{ 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a },
	{ 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 }, { 0x1f337, 0x1f37c }, { 0x1f37e, 0x1f393 },
	{ 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 }, { 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 },
	{ 0x1f3f8, 0x1f43e }, { 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d },
	{ 0x1f54b, 0x1f54e }, { 0x1f550, 0x1f567 }, { 0x1f57a, 0x1f57a }, { 0x1f595, 0x1f596 },
	{ 0x1f5a4, 0x1f5a4 }, { 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 }, { 0x1f6cc, 0x1f6cc },
	{ 0x1f6d0, 0x1f6d2 }, { 0x1f6d5, 0x1f6df }, { 0x1f6eb, 0x1f6ec }, { 0x1f6f4, 0x1f6fc },
	{ 0x1f7e0, 0x1f7f0 }, { 0x1f90c, 0x1f93a }, { 0x1f93c, 0x1f945 }, { 0x1f947, 0x1f9ff },
	{ 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
};

static uint32_t code_point(const char *text, size_t length)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t value = (unsigned char)text[0] & lead[length];

	for (size_t i = 1; i < length; i++)
		value = value << 6 | ((unsigned char)text[i] & 0x3f);
	return value;
}

static size_t width_of(uint32_t character)
{
	for (size_t i = 0; i < COUNT_OF(wide) && wide[i].first <= character; i++)
		if (character <= wide[i].last)
			return 2;
	return 1;
}

/* The next character's width; *length is its bytes: one of what is no UTF-8. */
static size_t next_width(const char *text, size_t left, size_t *length)
{
	*length = utf8_length(text, left);
	if (*length < 2) {
		*length = 1;
		return 1;
	}
	return width_of(code_point(text, *length));
}

size_t textwidth_of(const char *text, size_t length)
{
	size_t width = 0, bytes;

	for (size_t at = 0; at < length; at += bytes)
		width += next_width(text + at, length - at, &bytes);
	return width;
}

const char *textwidth_cut(struct arena *arena, const char *text, size_t most)
{
	size_t length = strlen(text), width = 0, at = 0, bytes;

	if (textwidth_of(text, length) <= most)
		return text;
	for (; at < length; at += bytes) {
		width += next_width(text + at, length - at, &bytes);
		if (width > most - 1)
			break;
	}
	return arena_printf(arena, "%.*s…", (int)at, text);
}
