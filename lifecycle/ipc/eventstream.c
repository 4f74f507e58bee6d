/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/eventstream.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "base/crc32.h"

/* -- bytes --------------------------------------------------------------------------------------
 */

static uint64_t get_number(const char *bytes, size_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < count; i++)
		number = number << 8 | (unsigned char)bytes[i];
	return number;
}

static int64_t get_signed(const char *bytes, size_t count)
{
	uint64_t number = get_number(bytes, count);
	unsigned shift = 64 - 8 * (unsigned)count;

	return (int64_t)(number << shift) >> shift;
}

static void put_number(char *bytes, uint64_t number, size_t count)
{
	for (size_t i = count; i-- > 0; number >>= 8)
		bytes[i] = (char)(number & 0xff);
}

static uint32_t checksum(const char *bytes, size_t count)
{
	return crc32_add(0, bytes, count);
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool broken(struct error *err, const char *reason)
{
	return error_set(err, ERROR_CORRUPT, "event-stream message: %s", reason);
}

/* Bytes of a value whose type says it all; -1: its length stands in front of it. */
static int fixed_size(enum eventstream_type type)
{
	static const signed char sizes[] = {
		[EVENTSTREAM_TRUE] = 0,   [EVENTSTREAM_FALSE] = 0, [EVENTSTREAM_BYTE] = 1,
		[EVENTSTREAM_SHORT] = 2,  [EVENTSTREAM_INT] = 4,   [EVENTSTREAM_LONG] = 8,
		[EVENTSTREAM_BYTES] = -1, [EVENTSTREAM_TEXT] = -1, [EVENTSTREAM_TIME] = 8,
		[EVENTSTREAM_UUID] = 16,
	};

	return sizes[type];
}

/* The value behind name and type: how many of the `left` bytes it takes, -1 if it runs past them.
 */
static ssize_t read_value(struct eventstream_header *header, const char *bytes, size_t left)
{
	int fixed = fixed_size(header->type);
	size_t prefix = fixed < 0 ? 2 : 0;

	if (left < prefix)
		return -1;

	size_t size = fixed < 0 ? (size_t)get_number(bytes, 2) : (size_t)fixed;

	if (left - prefix < size)
		return -1;
	if (header->type <= EVENTSTREAM_FALSE) {
		header->number = header->type == EVENTSTREAM_TRUE;
	} else if (fixed > 0 && fixed <= 8) {
		header->number = get_signed(bytes, size);
	} else {
		header->bytes = bytes + prefix;
		header->length = (uint16_t)size;
	}
	return (ssize_t)(prefix + size);
}

static ssize_t read_header(struct eventstream_header *header, const char *bytes, size_t left,
			   struct error *err)
{
	size_t name = (unsigned char)bytes[0];

	*header = (struct eventstream_header){ .name = bytes + 1, .name_length = (uint8_t)name };
	if (name == 0 || left < 2 + name || memchr(bytes + 1, '\0', name)) {
		broken(err, "a header without a proper name");
		return -1;
	}

	unsigned type = (unsigned char)bytes[1 + name];

	if (type > EVENTSTREAM_UUID) {
		broken(err, "a header of an unknown type");
		return -1;
	}
	header->type = (enum eventstream_type)type;

	ssize_t value = read_value(header, bytes + 2 + name, left - 2 - name);

	if (value < 0) {
		broken(err, "a header runs past the end of the headers");
		return -1;
	}
	return (ssize_t)(2 + name) + value;
}

static bool read_headers(struct eventstream_message *message, const char *bytes, size_t length,
			 struct error *err)
{
	message->header_count = 0;
	for (size_t at = 0; at < length;) {
		if (message->header_count == EVENTSTREAM_HEADERS_MAX)
			return broken(err, "more than 32 headers");

		ssize_t step = read_header(&message->headers[message->header_count], bytes + at,
					   length - at, err);

		if (step < 0)
			return false;
		message->header_count++;
		at += (size_t)step;
	}
	return true;
}

static bool check_prelude(const char *bytes, size_t limit, size_t *total, size_t *headers,
			  struct error *err)
{
	*total = (size_t)get_number(bytes, 4);
	*headers = (size_t)get_number(bytes + 4, 4);
	if (get_number(bytes + 8, 4) != checksum(bytes, 8))
		return broken(err, "the checksum of its lengths is wrong");
	if (*total < EVENTSTREAM_OVERHEAD || *headers > *total - EVENTSTREAM_OVERHEAD)
		return broken(err, "its lengths contradict each other");
	if (*total > limit)
		return error_set(err, ERROR_INPUT,
				 "event-stream message: %zu bytes, at most %zu are taken", *total,
				 limit);
	return true;
}

enum eventstream_progress eventstream_read(const char *bytes, size_t length, size_t limit,
					   struct eventstream_message *message, size_t *size,
					   struct error *err)
{
	size_t total, headers;

	*size = 0;
	if (length < EVENTSTREAM_PRELUDE)
		return EVENTSTREAM_MORE;
	if (!check_prelude(bytes, limit, &total, &headers, err))
		return EVENTSTREAM_BROKEN;
	*size = total;
	if (length < total)
		return EVENTSTREAM_MORE;
	if (get_number(bytes + total - 4, 4) != checksum(bytes, total - 4)) {
		broken(err, "its checksum is wrong");
		return EVENTSTREAM_BROKEN;
	}
	if (!read_headers(message, bytes + EVENTSTREAM_PRELUDE, headers, err))
		return EVENTSTREAM_BROKEN;
	message->payload = bytes + EVENTSTREAM_PRELUDE + headers;
	message->payload_length = total - EVENTSTREAM_OVERHEAD - headers;
	return EVENTSTREAM_MESSAGE;
}

const struct eventstream_header *eventstream_find(const struct eventstream_message *message,
						  const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < message->header_count; i++) {
		const struct eventstream_header *header = &message->headers[i];

		if (header->name_length == length && strncasecmp(header->name, name, length) == 0)
			return header;
	}
	return NULL;
}

bool eventstream_is_text(const struct eventstream_header *header, const char *text)
{
	return header && header->type == EVENTSTREAM_TEXT && header->length == strlen(text) &&
	       memcmp(header->bytes, text, header->length) == 0;
}

/* -- writing ------------------------------------------------------------------------------------
 */

void eventstream_begin(struct eventstream_writer *writer, struct buf *buf)
{
	static const char prelude[EVENTSTREAM_PRELUDE];

	*writer = (struct eventstream_writer){ .buf = buf, .start = buf->length };
	buf_add(buf, prelude, sizeof(prelude));
}

static void add_bytes(struct eventstream_writer *writer, const char *name, size_t name_length,
		      enum eventstream_type type, const char *bytes, size_t length)
{
	char start[1], kind[3] = { (char)type };

	assert(name_length > 0 && name_length < 256 && length < 32768);
	start[0] = (char)name_length;
	put_number(kind + 1, length, 2);
	buf_add(writer->buf, start, 1);
	buf_add(writer->buf, name, name_length);
	buf_add(writer->buf, kind, fixed_size(type) < 0 ? 3 : 1);
	buf_add(writer->buf, bytes, length);
}

static void add_number(struct eventstream_writer *writer, const char *name, size_t name_length,
		       enum eventstream_type type, int64_t number)
{
	char bytes[8];
	size_t size = (size_t)fixed_size(type);

	put_number(bytes, (uint64_t)number, size);
	add_bytes(writer, name, name_length, type, bytes, size);
}

void eventstream_add_int(struct eventstream_writer *writer, const char *name, int32_t value)
{
	add_number(writer, name, strlen(name), EVENTSTREAM_INT, value);
}

void eventstream_add_long(struct eventstream_writer *writer, const char *name, int64_t value)
{
	add_number(writer, name, strlen(name), EVENTSTREAM_LONG, value);
}

void eventstream_add_text(struct eventstream_writer *writer, const char *name, const char *text)
{
	add_bytes(writer, name, strlen(name), EVENTSTREAM_TEXT, text, strlen(text));
}

void eventstream_add(struct eventstream_writer *writer, const struct eventstream_header *header)
{
	if (header->bytes)
		add_bytes(writer, header->name, header->name_length, header->type, header->bytes,
			  header->length);
	else
		add_number(writer, header->name, header->name_length, header->type, header->number);
}

void eventstream_add_ready(struct eventstream_writer *writer, const char *bytes, size_t length)
{
	buf_add(writer->buf, bytes, length);
}

void eventstream_end(struct eventstream_writer *writer, const void *payload, size_t length)
{
	struct buf *buf = writer->buf;
	size_t headers = buf->length - writer->start;
	char last[4];

	if (buf->is_cut)
		return;
	buf_add(buf, payload, length);

	char *message = buf->data + writer->start;
	size_t total = headers + length + sizeof(last);

	if (buf->is_cut)
		return;
	put_number(message, total, 4);
	put_number(message + 4, headers - EVENTSTREAM_PRELUDE, 4);
	put_number(message + 8, checksum(message, 8), 4);
	put_number(last, checksum(message, total - sizeof(last)), sizeof(last));
	buf_add(buf, last, sizeof(last));
}
