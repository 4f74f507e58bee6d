/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/eventstream.h"

#include "base/mem.h"
#include "tests/unit/ipcvectors.h"
#include "tests/unit/tap.h"

#define LIMIT (512 * 1024)

static const char every_type[] = "000000600000004e6d74c4b3"
				 "016100"
				 "016201"
				 "016302ff"
				 "016403fffe"
				 "01650401020304"
				 "0166050102030405060708"
				 "016706000200ff"
				 "016807000368c3a9"
				 "0169080000018bcfe5687b"
				 "016a09000102030405060708090a0b0c0d0e0f"
				 "7b7d"
				 "f3b80c81";

static enum eventstream_progress read_all(const struct buf *bytes,
					  struct eventstream_message *message, struct error *err)
{
	size_t size;

	return eventstream_read(bytes->data, bytes->length, LIMIT, message, &size, err);
}

static int64_t number_of(const struct eventstream_message *message, const char *name)
{
	const struct eventstream_header *header = eventstream_find(message, name);

	return header ? header->number : -99;
}

static void test_types(void)
{
	struct eventstream_message message;
	autobuf struct buf bytes;
	struct error err = { .text = "" };

	vector_read(&bytes, every_type);
	if (!check(read_all(&bytes, &message, &err) == EVENTSTREAM_MESSAGE, "all types: %s",
		   err.text))
		return;
	check_int((long long)message.header_count, 10, "ten headers");
	check_int(number_of(&message, "a"), 1, "true");
	check_int(number_of(&message, "b"), 0, "false");
	check_int(number_of(&message, "c"), -1, "byte");
	check_int(number_of(&message, "d"), -2, "short");
	check_int(number_of(&message, "E"), 0x01020304, "int, its name in the other case");
	check_int(number_of(&message, "f"), 0x0102030405060708, "long");
	check_int(number_of(&message, "i"), 1700000000123, "time");
	check(eventstream_is_text(eventstream_find(&message, "h"), "h\xc3\xa9"), "text");
	check(!eventstream_is_text(eventstream_find(&message, "g"), "\0\xff"), "bytes are no text");
	check_int(eventstream_find(&message, "j")->length, 16, "UUID");
	check(!eventstream_find(&message, "k"), "no such header");
	check(message.payload_length == 2 && memcmp(message.payload, "{}", 2) == 0, "payload");
	for (size_t i = 0; i < bytes.length; i++) {
		size_t size;

		if (eventstream_read(bytes.data, i, LIMIT, &message, &size, &err) !=
		    EVENTSTREAM_MORE)
			check(false, "the first %zu bytes are not enough", i);
	}
}

static void test_written(void)
{
	struct eventstream_writer writer;
	autobuf struct buf bytes, wanted;

	buf_init(&bytes, 4096);
	eventstream_begin(&writer, &bytes);
	eventstream_end(&writer, NULL, 0);
	vector_read(&wanted, "000000100000000005c248eb7d98c8ff");
	check(bytes.length == wanted.length && memcmp(bytes.data, wanted.data, 16) == 0,
	      "the smallest message");
	buf_done(&wanted);

	vector_read(&wanted, vector_response);
	buf_clear(&bytes);
	buf_add_text(&bytes, "before");
	eventstream_begin(&writer, &bytes);
	eventstream_add_int(&writer, ":message-type", 0);
	eventstream_add_int(&writer, ":message-flags", 2);
	eventstream_add_int(&writer, ":stream-id", 1);
	eventstream_add_text(&writer, ":content-type", "application/json");
	eventstream_add_text(&writer, "service-model-type",
			     "aws.greengrass#PublishToTopicResponse");
	eventstream_end(&writer, "{}", 2);
	check(bytes.length == 6 + wanted.length &&
		      memcmp(bytes.data + 6, wanted.data, wanted.length) == 0,
	      "a response behind something else");
	buf_done(&bytes);
	buf_init(&bytes, 20);
	eventstream_begin(&writer, &bytes);
	eventstream_add_int(&writer, ":message-type", 0);
	eventstream_end(&writer, "{}", 2);
	check(bytes.is_cut, "a buffer that is too small says so");
}

/* What was read and is written again is the same. */
static void test_again(void)
{
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct eventstream_message message;
		struct eventstream_writer writer;
		autobuf struct buf bytes, again;
		struct error err = { .text = "" };

		vector_read(&bytes, vectors[i].hex);
		buf_init(&again, 4096);
		if (!check(read_all(&bytes, &message, &err) == EVENTSTREAM_MESSAGE, "%s %s",
			   vectors[i].name, err.text))
			continue;
		eventstream_begin(&writer, &again);
		for (size_t j = 0; j < message.header_count; j++)
			eventstream_add(&writer, &message.headers[j]);
		eventstream_end(&writer, message.payload, message.payload_length);
		check(bytes.length == again.length &&
			      memcmp(bytes.data, again.data, bytes.length) == 0,
		      "%s, written again", vectors[i].name);
	}
}

static void expect_broken(const struct buf *bytes, size_t limit, const char *part, const char *name)
{
	struct eventstream_message message;
	struct error err = { .text = "" };
	size_t size;

	check(eventstream_read(bytes->data, bytes->length, limit, &message, &size, &err) ==
			      EVENTSTREAM_BROKEN &&
		      strstr(err.text, part),
	      "%s: %s", name, err.text);
}

/* A message with these bytes as headers and correct sums. */
static void make_message(struct buf *bytes, const void *headers, size_t length)
{
	struct eventstream_writer writer;

	buf_init(bytes, 4096);
	eventstream_begin(&writer, bytes);
	buf_add(bytes, headers, length);
	eventstream_end(&writer, NULL, 0);
}

static void test_broken_sums(void)
{
	static const struct {
		size_t at;
		const char *part, *name;
	} flips[] = {
		{ 8, "checksum of its lengths", "prelude CRC" },
		{ 3, "checksum of its lengths", "total length" },
		{ 7, "checksum of its lengths", "length of the headers" },
		{ 95, "its checksum", "message CRC" },
		{ 91, "its checksum", "payload" },
		{ 20, "its checksum", "a header" },
	};

	for (size_t i = 0; i < COUNT_OF(flips); i++) {
		autobuf struct buf bytes;

		vector_read(&bytes, every_type);
		bytes.data[flips[i].at] ^= 1;
		expect_broken(&bytes, LIMIT, flips[i].part, flips[i].name);
	}
}

static void test_broken_lengths(void)
{
	/* Total, headers, and the right CRC of both. */
	static const struct {
		const char *hex, *part;
	} preludes[] = {
		{ "0000000f00000000", "contradict" }, { "ffffffff00000000", "at most" },
		{ "0010000000000000", "at most" },    { "0000006000000051", "contradict" },
		{ "00000060ffffffff", "contradict" },
	};

	for (size_t i = 0; i < COUNT_OF(preludes); i++) {
		autobuf struct buf bytes;

		vector_read(&bytes, preludes[i].hex);
		vector_add_sum(&bytes);
		expect_broken(&bytes, LIMIT, preludes[i].part, preludes[i].hex);
	}
}

static void test_broken_headers(void)
{
#define HEADERS(text) text, sizeof(text) - 1
	static const struct {
		const char *bytes;
		size_t length;
		const char *part;
	} cases[] = {
		{ HEADERS("\x01k\x0a"), "unknown type" },
		{ HEADERS("\x01k\xff"), "unknown type" },
		{ HEADERS("\x00\x00"), "name" },
		{ HEADERS("\x02\0k\x00"), "name" },
		{ HEADERS("\x05k"), "name" },
		{ HEADERS("\x01k"), "name" },
		{ HEADERS("\x01k\x04\x00\x00\x00"), "past the end" },
		{ HEADERS("\x01k\x07\x00"), "past the end" },
		{ HEADERS("\x01k\x07\x00\x05"
			  "abcd"),
		  "past the end" },
		{ HEADERS("\x01k\x09"
			  "0123456789abcde"),
		  "past the end" },
		{ HEADERS("\x01k\x00\x01"), "name" },
	};
	autobuf struct buf many;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autobuf struct buf bytes;

		make_message(&bytes, cases[i].bytes, cases[i].length);
		expect_broken(&bytes, LIMIT, cases[i].part, "a header");
	}
	buf_init(&many, 4096);
	for (int i = 0; i < 33; i++)
		buf_add(&many, "\x01k\x00", 3);

	autobuf struct buf bytes;

	make_message(&bytes, many.data, many.length);
	expect_broken(&bytes, LIMIT, "more than 32", "33 headers");
	buf_done(&bytes);
	make_message(&bytes, NULL, 0);
	expect_broken(&bytes, 15, "at most 15", "a smaller limit");
}

int main(void)
{
	test_types();
	test_written();
	test_again();
	test_broken_sums();
	test_broken_lengths();
	test_broken_headers();
	return tap_done();
}
