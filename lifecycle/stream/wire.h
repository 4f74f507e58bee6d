/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_WIRE_H
#define LIFECYCLE_STREAM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The stream manager's protocol, versions 1.0.0 and 1.1.0, as AWS' clients speak it over TCP:
 *
 *     each side first one byte, WIRE_CONNECT_VERSION; then frames:
 *     int32 big-endian   1 + length of the payload
 *     int8               opcode
 *     payload            one CBOR map
 */

#define WIRE_CONNECT_VERSION 1
#define WIRE_HEADER_SIZE     5
#define WIRE_LENGTH_MAX      (1 << 30)               /* what clients hold themselves to */
#define WIRE_FRAME_MAX       (32 << 20)              /* payload that we read; more is "too large" */
#define WIRE_ANSWER_MAX      (32 << 20)              /* payload that we send */
#define WIRE_ID_MAX          255                     /* bytes of a request's id */
#define WIRE_MESSAGE_MAX     (WIRE_FRAME_MAX - 4096) /* bytes of a message: its request fits */

enum wire_operation {
	WIRE_CONNECT = 1,
	WIRE_CREATE = 2,
	WIRE_DELETE = 3,
	WIRE_APPEND = 4,
	WIRE_READ = 5,
	WIRE_CONNECT_ANSWER = 6,
	WIRE_CREATE_ANSWER = 7,
	WIRE_DELETE_ANSWER = 8,
	WIRE_APPEND_ANSWER = 9,
	WIRE_READ_ANSWER = 10,
	WIRE_LIST = 11,
	WIRE_LIST_ANSWER = 12,
	WIRE_DESCRIBE = 13,
	WIRE_DESCRIBE_ANSWER = 14,
	WIRE_UPDATE = 15,
	WIRE_UPDATE_ANSWER = 16,
	WIRE_UNKNOWN_ANSWER = 17,
};

enum wire_status {
	WIRE_SUCCESS = 0,
	WIRE_UNKNOWN_FAILURE = 1,
	WIRE_UNAUTHORIZED = 2,
	WIRE_INVALID_REQUEST = 3,
	WIRE_REQUEST_TOO_LARGE = 4,
	WIRE_NOT_FOUND = 5,
	WIRE_SERVER_TIMEOUT = 6,
	WIRE_ANSWER_TOO_LARGE = 7,
	WIRE_BAD_CONNECT_VERSION = 8,
	WIRE_UNEXPECTED_OPERATION = 9,
	WIRE_UNSUPPORTED_VERSION = 10,
	WIRE_INVALID_VERSION = 11,
	WIRE_FAILED_TO_CONNECT = 12,
	WIRE_NOT_ENOUGH_MESSAGES = 13,
	WIRE_READ_ERROR = 14,
	WIRE_OUT_OF_MEMORY = 15,
	WIRE_UPDATE_FAILED = 16,
	WIRE_UPDATE_NOT_ALLOWED = 17,
	WIRE_UNKNOWN_OPERATION = 18,
};

struct wire_header {
	uint32_t payload; /* bytes of it */
	uint8_t operation;
};

/* The header at the front of `bytes`, of which WIRE_HEADER_SIZE are there. False for a length that
 * no client may send: the connection has lost its way. */
bool wire_read_header(const char *bytes, struct wire_header *header);

/* The opcode of the answer to a request; WIRE_UNKNOWN_ANSWER if it is none. */
uint8_t wire_answer_to(uint8_t operation);

/* Puts a header of a frame in place, whose payload is yet to be written behind it, ... */
size_t wire_begin(struct buf *out, uint8_t operation);
/* ... and fills in its length. `start` is what wire_begin returned. */
void wire_end(struct buf *out, size_t start);

/* The value of "requestId" if it is the first member of the map that `bytes` begin with (all
 * clients send it so), although the rest is not there. NULL: it is not. The caller frees it. */
char *wire_early_id(const char *bytes, size_t length) __attribute__((warn_unused_result));

#endif
