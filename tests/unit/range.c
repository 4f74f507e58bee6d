/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/range.h"

#include "tests/unit/tap.h"

#define POSITION 100

/* whole is -2 where the reply must be refused. */
static const struct {
	int64_t end; /* wanted; 0: all */
	int status;
	const char *headers;
	int64_t whole;
	int64_t skip;
} replies[] = {
	{ 0, 206, "Content-Range: bytes 100-199/200\n", 200, 0 },
	{ 0, 206, "content-range:   bytes 100-100/101  \nContent-Length: 1\n", 101, 0 },
	{ 0, 200, "Content-Length: 200\n", 200, 100 },
	{ 0, 200, "", -1, 100 },
	{ 0, 200, "Content-Length: 999999999999999999\n", 999999999999999999, 100 },
	{ 0, 200, "Content-Length: 99999999999999999999\n", -1, 100 },
	{ 0, 200, "Content-Length: -5\n", -1, 100 },
	{ 0, 200, "Content-Length: 5x\n", -1, 100 },
	{ 0, 206, "", -2, 0 },
	{ 0, 206, "Content-Length: 100\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 99-199/200\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 101-199/200\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 100-198/200\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 100-199/199\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 100-199/*\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes */200\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 100-50/51\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes -100-199/200\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 100-199/200, bytes 0-1/2\n", -2, 0 },
	{ 0, 206, "Content-Range: lines 100-199/200\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes 100-9223372036854775807/9223372036854775808\n", -2, 0 },
	{ 0, 206, "Content-Range: bytes\n", -2, 0 },
	{ 0, 206, "Content-Range: \n", -2, 0 },
	{ 150, 206, "Content-Range: bytes 100-149/200\n", 200, 0 },
	{ 200, 206, "Content-Range: bytes 100-199/200\n", 200, 0 },
	{ 150, 206, "Content-Range: bytes 100-199/200\n", -2, 0 },
	{ 150, 206, "Content-Range: bytes 100-148/200\n", -2, 0 },
	{ 250, 206, "Content-Range: bytes 100-199/200\n", -2, 0 },
	{ 150, 200, "Content-Length: 200\n", -2, 0 },
};

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		struct http_response response = { .status = replies[i].status };
		struct range range;

		buf_init(&response.headers, 4096);
		buf_add_text(&response.headers, replies[i].headers);
		const char *why = range_read(&response, POSITION,
					     replies[i].end ? replies[i].end : -1, &range);

		check_int(why != NULL, replies[i].whole == -2, "whether %d %s is refused",
			  replies[i].status, replies[i].headers);
		if (!why && replies[i].whole != -2) {
			check_int(range.whole, replies[i].whole, "whole body: %s",
				  replies[i].headers);
			check_int(range.skip, replies[i].skip, "to skip: %s", replies[i].headers);
		}
		buf_done(&response.headers);
	}
	return tap_done();
}
