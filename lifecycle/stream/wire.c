/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/wire.h"

#include <string.h>

#include "base/mem.h"

bool wire_read_header(const char *bytes, struct wire_header *header)
{
	const unsigned char *at = (const unsigned char *)bytes;
	uint32_t length =
		(uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];

	if (length < 1 || length > WIRE_LENGTH_MAX)
		return false;
	*header = (struct wire_header){ .payload = length - 1, .operation = at[4] };
	return true;
}

uint8_t wire_answer_to(uint8_t operation)
{
	switch (operation) {
	case WIRE_CONNECT:
		return WIRE_CONNECT_ANSWER;
	case WIRE_CREATE:
		return WIRE_CREATE_ANSWER;
	case WIRE_DELETE:
		return WIRE_DELETE_ANSWER;
	case WIRE_APPEND:
		return WIRE_APPEND_ANSWER;
	case WIRE_READ:
		return WIRE_READ_ANSWER;
	case WIRE_LIST:
		return WIRE_LIST_ANSWER;
	case WIRE_DESCRIBE:
		return WIRE_DESCRIBE_ANSWER;
	case WIRE_UPDATE:
		return WIRE_UPDATE_ANSWER;
	default:
		return WIRE_UNKNOWN_ANSWER;
	}
}

size_t wire_begin(struct buf *out, uint8_t operation)
{
	const char header[WIRE_HEADER_SIZE] = { 0, 0, 0, 0, (char)operation };
	size_t start = out->length;

	buf_add(out, header, sizeof(header));
	return start;
}

void wire_end(struct buf *out, size_t start)
{
	size_t length = out->length - start - 4;

	for (int i = 0; i < 4; i++)
		out->data[start + (size_t)i] = (char)(length >> (24 - 8 * i));
}

/* A text of definite length, as keys and ids are written. */
static const char *short_text(const unsigned char **at, const unsigned char *end, size_t *length)
{
	if (end - *at < 2 || **at >> 5 != 3)
		return NULL;
	*length = *(*at)++ & 31;
	if (*length == 24)
		*length = *(*at)++;
	else if (*length > 24)
		return NULL;
	if ((size_t)(end - *at) < *length)
		return NULL;
	*at += *length;
	return (const char *)*at - *length;
}

char *wire_early_id(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	const char *key, *id;
	size_t key_length, id_length;

	if (length == 0 || *at++ >> 5 != 5)
		return NULL;
	key = short_text(&at, end, &key_length);
	if (!key || key_length != strlen("requestId") || memcmp(key, "requestId", key_length) != 0)
		return NULL;
	id = short_text(&at, end, &id_length);
	for (size_t i = 0; id && i < id_length; i++)
		if (id[i] < ' ' || id[i] > '~')
			return NULL; /* it could not be sent back as it is */
	return id ? mem_printf("%.*s", (int)id_length, id) : NULL;
}
