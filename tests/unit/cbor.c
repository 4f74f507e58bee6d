/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/cbor.h"

#include "tap.h"

static size_t from_hex(const char *hex, unsigned char *bytes)
{
	size_t count = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		const char two[3] = { hex[0], hex[1], '\0' };

		bytes[count++] = (unsigned char)strtoul(two, NULL, 16);
	}
	return count;
}

/* Integers, from RFC 8949, appendix A. */
static const struct {
	const char *hex;
	long long number;
} numbers[] = {
	{ "00", 0 },
	{ "01", 1 },
	{ "17", 23 },
	{ "1818", 24 },
	{ "18ff", 255 },
	{ "190100", 256 },
	{ "1903e8", 1000 },
	{ "1a000f4240", 1000000 },
	{ "1b000000e8d4a51000", 1000000000000 },
	{ "1b7fffffffffffffff", INT64_MAX },
	{ "20", -1 },
	{ "29", -10 },
	{ "3863", -100 },
	{ "3903e7", -1000 },
	{ "3b7fffffffffffffff", INT64_MIN },
};

static void test_numbers(void)
{
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		autoarena struct arena arena = { 0 };
		unsigned char bytes[16];
		size_t length = from_hex(numbers[i].hex, bytes);
		const struct cbor *value;
		struct buf out;
		struct error err;

		if (check_ok(cbor_parse(&arena, bytes, length, &value, &err), &err, "read %s",
			     numbers[i].hex)) {
			check_int(value->type, CBOR_INT, "%s is an integer", numbers[i].hex);
			check_int(value->number, numbers[i].number, "value of %s", numbers[i].hex);
		}
		buf_init(&out, 16);
		cbor_put_int(&out, numbers[i].number);
		check(out.length == length && memcmp(out.data, bytes, length) == 0,
		      "%lld is written so", numbers[i].number);
		buf_done(&out);
	}
}

static const struct {
	const char *hex;
	const char *part; /* of the message */
} wrong[] = {
	{ "", "ends too soon" },
	{ "18", "ends too soon" },
	{ "1b00000000000000", "ends too soon" },
	{ "1c", "reserved head" },
	{ "1f", "without an end" },
	{ "3f", "without an end" },
	{ "41", "a string of 1 bytes, but 0 are left" },
	{ "5bffffffffffffffff00", "are left" },
	{ "7bffffffffffffffff00", "are left" },
	{ "5f41", "are left" },
	{ "5f6161ff", "a chunk of another kind" },
	{ "5f5fffff", "a chunk of another kind" },
	{ "5f4161", "ends too soon" },
	{ "61ff", "not UTF-8" },
	{ "6100", "not UTF-8" },
	{ "62c328", "not UTF-8" },
	{ "7f61c361a9ff00", "bytes too many" }, /* joined, it is a letter */
	{ "81", "ends too soon" },
	{ "9f01", "ends too soon" },
	{ "9bffffffffffffffff", "ends too soon" },
	{ "bbffffffffffffffff", "ends too soon" },
	{ "a1", "ends too soon" },
	{ "a10102", "a key that is not text" },
	{ "bf6161ff", "simple value 31" },
	{ "a16161", "ends too soon" },
	{ "c001", "tags" },
	{ "c249010000000000000000", "tags" },
	{ "e0", "simple value 0" },
	{ "f800", "simple value 24" },
	{ "ff", "simple value 31" },
	{ "0000", "1 bytes too many" },
	{ "818181818181818181818181818181818100", "nested too deeply" },
};

static void test_wrong(void)
{
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		autoarena struct arena arena = { 0 };
		unsigned char bytes[32];
		size_t length = from_hex(wrong[i].hex, bytes);
		const struct cbor *value;
		struct error err = { 0 };

		check_error(cbor_parse(&arena, bytes, length, &value, &err), &err, ERROR_INPUT,
			    wrong[i].part, "\"%s\"", wrong[i].hex);
	}
}

static void test_too_many(void)
{
	autoarena struct arena arena = { 0 };
	unsigned char bytes[3 + CBOR_VALUES_MAX] = { 0x99, CBOR_VALUES_MAX >> 8,
						     CBOR_VALUES_MAX & 255 };
	const struct cbor *value;
	struct error err = { 0 };

	check_error(cbor_parse(&arena, bytes, sizeof(bytes), &value, &err), &err, ERROR_INPUT,
		    "more than 4096 values", "as many, and the array itself");
}

/* {"a": 1, "b": h'0102', "c": "x", "d": [true, null], "e": {"f": -5}, "g": null, "a": 2, "h": 1.5,
 * "i": 18446744073709551615}, in indefinite maps and arrays, text in chunks. */
static void test_tree(void)
{
	static const char *const spellings[] = {
		"a9616101616242010261636178616482f5f66165a16166246167f661610261 68f93e006169"
		"1bffffffffffffffff",
		"bf6161016162 5f41014102ff 6163 7f6178ff 6164 9ff5f6ff 6165 bf616624ff 6167 f7"
		"616102 6168 fb3ff8000000000000 6169 1bffffffffffffffff ff",
	};

	for (size_t i = 0; i < COUNT_OF(spellings); i++) {
		autoarena struct arena arena = { 0 };
		char hex[256];
		size_t used = 0, length;
		unsigned char bytes[128];
		const struct cbor *map, *member;
		const char *text;
		struct error err = { 0 };
		int64_t number = 0;
		bool flag;

		for (const char *c = spellings[i]; *c; c++)
			if (*c != ' ')
				hex[used++] = *c;
		hex[used] = '\0';
		length = from_hex(hex, bytes);
		if (!check_ok(cbor_parse(&arena, bytes, length, &map, &err), &err, "spelling %zu",
			      i))
			continue;
		check(cbor_int(map, "a", 0, 9, &number, &err) && number == 2, "the last a counts");
		check(cbor_member_or_null(map, "b", CBOR_BYTES, &member, &err) && member &&
			      member->length == 2 && memcmp(member->bytes, "\1\2", 2) == 0,
		      "bytes");
		check(cbor_text(&arena, map, "c", &text, &err), "text is there");
		check_text(text, "x", "text");
		check(cbor_member_or_null(map, "d", CBOR_ARRAY, &member, &err) && member &&
			      member->child->boolean && member->last->type == CBOR_NULL,
		      "an array");
		check_error(cbor_int(cbor_get(map, "e"), "f", 0, 9, &number, &err), &err,
			    ERROR_INPUT, "e: f: -5 is not between 0 and 9", "out of range");
		check(!cbor_get(map, "g"), "null is missing");
		check_error(cbor_text(&arena, map, "g", &text, &err), &err, ERROR_INPUT,
			    "g: expected text, found nothing", "null where text must be");
		check_error(cbor_int(map, "h", 0, 9, &number, &err), &err, ERROR_INPUT,
			    "no 64-bit integer", "a fraction");
		check_error(cbor_int(map, "i", 0, INT64_MAX, &number, &err), &err, ERROR_INPUT,
			    "no 64-bit integer", "beyond int64");
		check_error(cbor_bool_or(map, "a", false, &flag, &err), &err, ERROR_INPUT,
			    "a: expected a boolean, found an integer", "another type");
		check(cbor_int_or(map, "z", 77, 0, 1, &number, &err) && number == 77, "a default");
	}
}

int main(void)
{
	test_numbers();
	test_wrong();
	test_too_many();
	test_tree();
	return tap_done();
}
