/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/goquote.h"

#include "base/mem.h"
#include "tests/unit/tap.h"

/* What strconv.Quote makes of them. */
int main(void)
{
	static const struct {
		const char *text, *quoted;
	} cases[] = {
		{ "", "\"\"" },
		{ "sh -c 'a \"b\" \\c'", "\"sh -c 'a \\\"b\\\" \\\\c'\"" },
		{ "\x1b[2J\nFORGED\t\r\a\x01\x7f", "\"\\x1b[2J\\nFORGED\\t\\r\\a\\x01\\x7f\"" },
		{ "Gr\xc3\xbc\xc3\x9f\x65 \xe2\x80\xa6",
		  "\"Gr\xc3\xbc\xc3\x9f\x65 \xe2\x80\xa6\"" },
		{ "\xc2\x9b\xe2\x80\xae\xef\xbb\xbf", "\"\\u009b\\u202e\\ufeff\"" },
		{ "\xff\xc3(", "\"\\xff\\xc3(\"" },
		{ "\xf3\xb0\x80\x80", "\"\\U000f0000\"" },
	};
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check_text(goquote(&arena, cases[i].text), cases[i].quoted, "%s", cases[i].quoted);
	return tap_done();
}
