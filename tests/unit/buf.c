/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdint.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

static void test_growth(void)
{
	autobuf struct buf buf;
	struct error err;

	buf_init(&buf, 100000);
	check_text(buf.data, "", "an empty buffer is a text");
	for (int i = 0; i < 10000; i++)
		buf_add_text(&buf, "0123456789");
	check_int((long long)buf.length, 100000, "fills up to the limit");
	check_ok(buf_check(&buf, "it", &err), &err, "which is still whole");
	check(buf.data[100000] == '\0' && buf.data[99999] == '9', "and NUL-terminated");
	buf_clear(&buf);
	check_text(buf.data, "", "cleared");
	buf_printf(&buf, "%d+%s", 1, "x");
	buf_add_char(&buf, '!');
	check_text(buf.data, "1+x!", "buf_printf and buf_add_char");
	buf_printf(&buf, "%s", "");
	check_text(buf.data, "1+x!", "buf_printf of nothing");
}

static void test_limit(void)
{
	autobuf struct buf buf;
	struct error err;

	buf_init(&buf, 5);
	buf_add_text(&buf, "abc");
	buf_add_text(&buf, "defg");
	check_text(buf.data, "abcde", "what fits is kept");
	check_error(buf_check(&buf, "name", &err), &err, ERROR_INPUT, "name is larger than 5 bytes",
		    "what does not is remembered");
	buf_clear(&buf);
	check_ok(buf_check(&buf, "name", &err), &err, "buf_clear forgets it");
	buf_add(&buf, "x", 1);
	buf_printf(&buf, "%s", "12345678");
	check_text(buf.data, "x1234", "buf_printf keeps what fits");
	check(buf.is_cut, "and remembers");

	buf_clear(&buf);
	check(buf_reserve(&buf, 6) == NULL, "no room beyond the limit");
	check(buf_reserve(&buf, SIZE_MAX) == NULL, "nor for everything");

	autobuf struct buf none;

	buf_init(&none, 0);
	buf_add_text(&none, "");
	buf_printf(&none, "%s", "");
	check(!none.is_cut, "nothing fits into nothing");
	buf_add_char(&none, 'x');
	check(none.is_cut && none.length == 0, "and a byte does not");
}

static void test_reserve(void)
{
	autobuf struct buf buf;

	buf_init(&buf, 1000);
	buf_add_text(&buf, "ab");

	char *room = buf_reserve(&buf, 3);

	if (!check(room != NULL, "room within the limit"))
		return;
	memcpy(room, "cde", 3);
	check_int((long long)buf.length, 2, "reserved bytes do not count yet");
	buf_commit(&buf, 2);
	check_text(buf.data, "abcd", "committed ones do");
	buf_consume(&buf, 3);
	check_text(buf.data, "d", "buf_consume takes from the front");
	buf_consume(&buf, 1);
	check_text(buf.data, "", "down to nothing");
	buf_consume(&buf, 0);
	buf_add(&buf, "a\0b", 3);
	check_int((long long)buf.length, 3, "NULs are bytes as others");
}

static void test_take(void)
{
	struct buf buf;

	buf_init(&buf, 10);

	autofree char *empty = buf_take(&buf);

	buf_add_text(&buf, "text");

	autofree char *text = buf_take(&buf);

	check_text(empty, "", "the text of an empty buffer can be freed");
	check_text(text, "text", "buf_take");
	check_text(buf.data, "", "and the buffer is empty again");
	buf_add_text(&buf, "0123456789ab");
	check_int((long long)buf.length, 10, "with its old limit");
	buf_done(&buf);
	buf_done(&buf);
	check_text(buf.data, "", "buf_done may come twice");
}

int main(void)
{
	test_growth();
	test_limit();
	test_reserve();
	test_take();
	return tap_done();
}
