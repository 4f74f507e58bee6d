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

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Characters without the padding; false if the padding is wrong. */
static bool measure(const char *text, size_t *length)
{
	size_t whole = strlen(text);
	size_t plain = strcspn(text, "=");

	*length = plain;
	if (strspn(text + plain, "=") != whole - plain || whole - plain > 2 || plain % 4 == 1)
		return false;
	return plain == whole || whole % 4 == 0;
}

bool base64_is_valid(const char *text)
{
	size_t length;

	if (!measure(text, &length))
		return false;
	for (size_t i = 0; i < length; i++)
		if (value_of(text[i]) < 0)
			return false;
	return true;
}

bool base64_decode(const char *text, char **bytes, size_t *count)
{
	size_t length;
	uint32_t bits = 0;
	int held = 0;

	if (!measure(text, &length))
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
