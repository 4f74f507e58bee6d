/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "tests/unit/tap.h"

int main(void)
{
	static const struct {
		const char *text;
		int valid; /* bytes; -1: all */
	} cases[] = {
		{ "", -1 },
		{ "ascii \x01\x7f", -1 },
		{ "\xc2\x80\xdf\xbf", -1 },         /* least and greatest of two bytes */
		{ "\xe0\xa0\x80\xef\xbf\xbf", -1 }, /* of three */
		{ "\xed\x9f\xbf\xee\x80\x80", -1 }, /* beside the surrogates */
		{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", -1 },
		{ "a\x80", 1 },
		{ "ab\xc0\x80", 2 },
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xed\xa0\x80", 0 },
		{ "\xed\xbf\xbf", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf8\x88\x80\x80\x80", 0 },
		{ "\xfe", 0 },
		{ "\xff", 0 },
		{ "x\xc3", 1 },
		{ "x\xe2\x82", 1 },
		{ "x\xf0\x9f\x9a", 1 },
		{ "\xc3\xa4\xc3(", 2 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t length = strlen(cases[i].text);
		long long want = cases[i].valid < 0 ? (long long)length : cases[i].valid;

		check_int((long long)utf8_valid_length(cases[i].text, length), want, "case %zu", i);
	}
	check_int((long long)utf8_valid_length("a\0b", 3), 3, "NUL is a character as any other");
	check_int(utf8_decode("z", 1), 'z', "a character of one byte");
	check_int(utf8_decode("\xdf\xbf", 2), 0x7ff, "of two");
	check_int(utf8_decode("\xef\xbf\xbd", 3), 0xfffd, "of three");
	check_int(utf8_decode("\xf4\x8f\xbf\xbf", 4), 0x10ffff, "of four");
	return tap_done();
}
