/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unitvariant.h"

#include "runtime/dbusmessage.h"
#include "tap.h"

/* The value as hexadecimal digits, behind its signature. */
static void describe(const struct buf *out, char text[512])
{
	size_t length = (unsigned char)out->data[0];
	char *end = text + sprintf(text, "%s", out->data + 1);

	for (size_t i = length + 2; i < out->length && end < text + 500; i++)
		end += sprintf(end, "%s%02x", i == length + 2 ? " " : "",
			       (unsigned char)out->data[i]);
}

static void test_accepted(void)
{
	/* Padding counts from the start: one byte of length, the signature, its NUL. */
	static const char *const cases[][2] = {
		{ "true", "b 0001000000" },
		{ "false", "b 0000000000" },
		{ "5", "i 0005000000" },
		{ "-1", "i 00ffffffff" },
		{ " 0x10 ", "i 0010000000" },
		{ "uint32 5", "u 0005000000" },
		{ "@u 5", "u 0005000000" },
		{ "byte 7", "y 07" },
		{ "int16 -2", "n 00feff" },
		{ "@t 18446744073709551615", "t 0000000000ffffffffffffffff" },
		{ "int64 -9223372036854775808", "x 00000000000000000000000080" },
		{ "1.5", "d 0000000000000000000000f83f" },
		{ "'a'", "s 00010000006100" },
		{ "\"a'\\n\"", "s 000300000061270a00" },
		{ "objectpath '/a'", "o 00020000002f6100" },
		{ "b'ab'", "ay 03000000616200" },
		{ "['a', 'b']", "as 0e0000000100000061000000010000006200" },
		{ "@as []", "as 00000000" },
		{ "[1, 2,3]", "ai 0c000000010000000200000003000000" },
		{ "[@t 1]", "at 080000000100000000000000" },
		{ "('a', true)", "(sb) 0000010000006100000001000000" },
		{ "<'a'>", "v 0173000000010000006100" },
	};
	struct error err;
	char text[512];

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autobuf struct buf out;

		buf_init(&out, DBUS_MESSAGE_MAX);
		if (check_ok(unitvariant_put(&out, cases[i][0], &err), &err, "%s", cases[i][0])) {
			describe(&out, text);
			check_text(text, cases[i][1], "bytes of %s", cases[i][0]);
		}
	}
}

/* What is written can be gone over again by its signature, to the last byte. */
static void test_well_formed(void)
{
	static const char *const cases[] = {
		"{'a': <1>, 'b': <['x']>}",
		"@a{ss} {}",
		"[('/dev/null', 'rw')]",
		"[[1], [2, 3]]",
		"@a(ss) [('a', \"b\")]",
		"(1, (2, ('x',)))",
		"[<1>, <'a'>]",
		"{1: 'one'}",
		"@ai [1, 2]",
		"('a',)",
	};
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autobuf struct buf out;
		const char *signature = "v";

		buf_init(&out, DBUS_MESSAGE_MAX);
		if (!check_ok(unitvariant_put(&out, cases[i], &err), &err, "%s", cases[i]))
			continue;

		struct dbus_reader reader = { .data = (uint8_t *)out.data, .length = out.length };

		check_ok(dbus_skip(&reader, &signature, &err), &err, "%s is well-formed", cases[i]);
		check_int((long long)reader.at, (long long)out.length, "%s is whole", cases[i]);
	}
}

static void test_refused(void)
{
	static const char *const cases[] = {
		"",
		" ",
		"five",
		"'open",
		"[1, 2",
		"[]",
		"{}",
		"[1, 'a']",
		"@u -1",
		"byte 256",
		"@z 1",
		"@ 1",
		"@a 1",
		"@as 1",
		"1 2",
		"true x",
		"{'a' 1}",
		"(1 2)",
		"<1",
		"uint32",
		"@ss 'a'",
		"4294967296",
		"@(s 'a'",
		"'a\\",
		"[1 2]",
		"{'a': 1, 2}",
		"truely",
		"[[[[[[[[[[[[1]]]]]]]]]]]]",
		"((((((((((((1))))))))))))",
		"<<<<<<<<<<<<<1>>>>>>>>>>>>>",
	};
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autobuf struct buf out;

		buf_init(&out, DBUS_MESSAGE_MAX);
		check(!unitvariant_put(&out, cases[i], &err) && err.text[0], "refused: %s",
		      cases[i]);
	}
}

static void test_seconds(void)
{
	static const char *const refused[] = { "'5'", "-1", "true", "1e30", "[1]", "" };
	struct error err;
	char text[512];
	static const char *const accepted[] = { "2", "2.0", "uint64 2", "@d 2" };

	for (size_t i = 0; i < COUNT_OF(accepted); i++) {
		autobuf struct buf out;

		buf_init(&out, 1000);
		check_ok(unitvariant_put_seconds(&out, accepted[i], &err), &err, "%s seconds",
			 accepted[i]);
		describe(&out, text);
		check_text(text, "t 000000000080841e0000000000", "%s seconds in microseconds",
			   accepted[i]);
	}
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		autobuf struct buf out;

		buf_init(&out, 1000);
		check(!unitvariant_put_seconds(&out, refused[i], &err), "not seconds: %s",
		      refused[i]);
	}
}

int main(void)
{
	test_accepted();
	test_well_formed();
	test_refused();
	test_seconds();
	return tap_done();
}
