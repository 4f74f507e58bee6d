/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_EVENTSTREAM_H
#define LIFECYCLE_IPC_EVENTSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * The binary framing of AWS event streams (awslabs/aws-c-event-stream): a prelude of lengths with
 * its CRC-32, typed headers, a payload, a CRC-32 over all of it. Integers are big-endian.
 */

#define EVENTSTREAM_PRELUDE     12
#define EVENTSTREAM_OVERHEAD    16 /* prelude and the last CRC: the smallest message */
#define EVENTSTREAM_HEADERS_MAX 32 /* in one message; the protocol uses seven */

enum eventstream_type {
	EVENTSTREAM_TRUE,
	EVENTSTREAM_FALSE,
	EVENTSTREAM_BYTE,
	EVENTSTREAM_SHORT,
	EVENTSTREAM_INT,
	EVENTSTREAM_LONG,
	EVENTSTREAM_BYTES,
	EVENTSTREAM_TEXT,
	EVENTSTREAM_TIME, /* milliseconds since the epoch */
	EVENTSTREAM_UUID,
};

struct eventstream_header {
	const char *name; /* name_length bytes, no NUL */
	uint8_t name_length;
	enum eventstream_type type;
	const char *bytes; /* of BYTES, TEXT, UUID */
	uint16_t length;
	int64_t number; /* of the others; a boolean is 0 or 1 */
};

/* All of it points into the bytes it was read from. */
struct eventstream_message {
	struct eventstream_header headers[EVENTSTREAM_HEADERS_MAX];
	size_t header_count;
	const char *payload;
	size_t payload_length;
};

enum eventstream_progress {
	EVENTSTREAM_MORE,    /* not all of the message is there yet */
	EVENTSTREAM_MESSAGE, /* one has been read */
	EVENTSTREAM_BROKEN,  /* these bytes are no message: nothing after them can be trusted */
};

/* Reads the message at the front of `length` bytes. *size is its length as soon as the prelude is
 * there (else 0), so that a reader knows how much to wait for; nothing is believed of a length
 * before its CRC was right and it is at most `limit`. err is filled for EVENTSTREAM_BROKEN. */
enum eventstream_progress eventstream_read(const char *bytes, size_t length, size_t limit,
					   struct eventstream_message *message, size_t *size,
					   struct error *err);

/* The header of this name (letters of any case), or NULL. */
const struct eventstream_header *eventstream_find(const struct eventstream_message *message,
						  const char *name);
/* True if it is a text, and this one. */
bool eventstream_is_text(const struct eventstream_header *header, const char *text);

/* Writes a message: begin, headers, payload, end. A limit of the buffer that is reached shows in
 * its is_cut as always; the message is worthless then. */
struct eventstream_writer {
	struct buf *buf;
	size_t start; /* of this message in the buffer */
};

void eventstream_begin(struct eventstream_writer *writer, struct buf *buf);
void eventstream_add_int(struct eventstream_writer *writer, const char *name, int32_t value);
void eventstream_add_text(struct eventstream_writer *writer, const char *name, const char *text);
void eventstream_add_long(struct eventstream_writer *writer, const char *name, int64_t value);
/* A header as it was read. */
void eventstream_add(struct eventstream_writer *writer, const struct eventstream_header *header);
/* Headers that the caller has written out, as they stand in a message. */
void eventstream_add_ready(struct eventstream_writer *writer, const char *bytes, size_t length);
void eventstream_end(struct eventstream_writer *writer, const void *payload, size_t length);

#endif
