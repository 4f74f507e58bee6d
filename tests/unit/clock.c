/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "tests/unit/tap.h"

int main(void)
{
	static const struct {
		struct timespec instant;
		const char *text;
	} cases[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00.000000000Z" },
		{ { -1, 5 }, "1969-12-31T23:59:59.000000005Z" },
		{ { -86400, 0 }, "1969-12-31T00:00:00.000000000Z" },
		{ { 951782399, 999999999 }, "2000-02-28T23:59:59.999999999Z" },
		{ { 951782400, 0 }, "2000-02-29T00:00:00.000000000Z" },
		{ { 951868800, 0 }, "2000-03-01T00:00:00.000000000Z" },
		{ { 1709164800, 1 }, "2024-02-29T00:00:00.000000001Z" },
		{ { 1795521559, 717029349 }, "2026-11-24T11:59:19.717029349Z" },
		{ { 2147483647, 0 }, "2038-01-19T03:14:07.000000000Z" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[CLOCK_TEXT_SIZE];
		size_t length = clock_print(text, &cases[i].instant);

		check_text(text, cases[i].text, "%lld seconds since 1970",
			   (long long)cases[i].instant.tv_sec);
		check_int((long long)length, (long long)strlen(text), "its length");
	}
	return tap_done();
}
