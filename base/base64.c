/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t count)
{
	const unsigned char *in = bytes;
	char *text = mem_array(count / 3 + 2, 4);
	char *out = text;

	for (size_t i = 0; i < count; i += 3) {
		size_t left = count - i;
		uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				 (left > 2 ? in[i + 2] : 0);

		*out++ = alphabet[group >> 18];
		*out++ = alphabet[group >> 12 & 63];
		*out++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[group & 63] : '=';
	}
	return text;
}

/* -1: it is none of ours. */
static int value_of(char c)
{
	static const unsigned char above[256] = {
		['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
		['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
		['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
		['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
		['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
		['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
		['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
		['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
		['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
		['/'] = 64
	};

	return above[(unsigned char)c] - 1;
}

/* Characters without the padding; false if the padding is wrong. */
static bool measure(const char *text, size_t whole, size_t *length)
{
	const char *padding = memchr(text, '=', whole);
	size_t plain = padding ? (size_t)(padding - text) : whole;

	*length = plain;
	for (size_t i = plain; i < whole; i++)
		if (text[i] != '=')
			return false;
	if (whole - plain > 2 || plain % 4 == 1)
		return false;
	return plain == whole || whole % 4 == 0;
}

bool base64_is_valid_n(const char *text, size_t whole)
{
	size_t length;

	if (!measure(text, whole, &length))
		return false;
	for (size_t i = 0; i < length; i++)
		if (value_of(text[i]) < 0)
			return false;
	return true;
}

bool base64_is_valid(const char *text)
{
	return base64_is_valid_n(text, strlen(text));
}

bool base64_decode(const char *text, char **bytes, size_t *count)
{
	size_t length;
	uint32_t bits = 0;
	int held = 0;

	if (!measure(text, strlen(text), &length))
		return false;
	autofree char *out = mem_alloc(length / 4 * 3 + 4);
	size_t made = 0;

	for (size_t i = 0; i < length; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[made++] = (char)(bits >> held & 0xff);
		}
	}
	*bytes = take_text(&out);
	*count = made;
	return true;
}
