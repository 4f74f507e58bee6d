/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an event-stream message: more are needed, or it is broken with one line of reason,
 * or it is a message that, written again, is the same bytes.
 */
#include "lifecycle/ipc/eventstream.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct eventstream_message message;
	struct eventstream_writer writer;
	struct error err = { .text = "" };
	autobuf struct buf again;
	size_t length;

	buf_init(&again, 1 << 20);
	switch (eventstream_read((const char *)data, size, 1 << 16, &message, &length, &err)) {
	case EVENTSTREAM_MORE:
		assert(size < 12 || (length > size && length <= 1 << 16));
		return 0;
	case EVENTSTREAM_BROKEN:
		assert(err.text[0] && !strchr(err.text, '\n'));
		return 0;
	case EVENTSTREAM_MESSAGE:
		break;
	}
	assert(length <= size && message.payload_length <= length);
	for (size_t i = 0; i < message.header_count; i++)
		if (message.headers[i].length > 32767)
			return 0; /* read, but never written */
	eventstream_begin(&writer, &again);
	for (size_t i = 0; i < message.header_count; i++)
		eventstream_add(&writer, &message.headers[i]);
	eventstream_end(&writer, message.payload, message.payload_length);
	assert(again.length == length && memcmp(again.data, data, length) == 0);
	return 0;
}
