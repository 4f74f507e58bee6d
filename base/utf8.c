/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define LONGEST 4

/* By the first byte alone; 0 if none may begin so. */
static size_t announced_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if ((first & 0xe0) == 0xc0)
		return 2;
	if ((first & 0xf0) == 0xe0)
		return 3;
	return (first & 0xf8) == 0xf0 ? 4 : 0;
}

uint32_t utf8_decode(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0xffU >> (length + 1));

	for (size_t i = 1; i < length; i++)
		code = code << 6 | (bytes[i] & 0x3fU);
	return code;
}

size_t utf8_length(const char *text, size_t left)
{
	static const uint32_t least[LONGEST + 1] = { [2] = 0x80, [3] = 0x800, [4] = 0x10000 };
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = announced_length(bytes[0]);

	if (length < 2)
		return length;
	if (length > left)
		return 0;

	for (size_t i = 1; i < length; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;

	uint32_t code = utf8_decode(text, length);

	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

/* Bytes at the front that are ASCII, eight at a time: most text is nothing else. */
static size_t skip_ascii(const char *text, size_t length)
{
	size_t ascii = 0;
	uint64_t eight;

	for (; length - ascii >= sizeof(eight); ascii += sizeof(eight)) {
		memcpy(&eight, text + ascii, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	return ascii;
}

size_t utf8_valid_length(const char *text, size_t length)
{
	size_t valid = 0;

	while (valid < length) {
		size_t step = skip_ascii(text + valid, length - valid);

		if (step == 0)
			step = utf8_length(text + valid, length - valid);
		if (step == 0)
			break;
		valid += step;
	}
	return valid;
}
