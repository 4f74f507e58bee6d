/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/cbor.h"
#include "lifecycle/stream/server.h"
#include "lifecycle/stream/wire.h"

size_t answer_begin(struct buf *out, uint8_t operation, const char *id, int status,
		    const char *text, size_t extra)
{
	size_t start = wire_begin(out, operation);

	cbor_put_map(out, 3 + extra);
	cbor_add_text(out, "requestId", id);
	cbor_add_int(out, "status", status);
	cbor_add_text(out, "errorMessage", text);
	return start;
}

void answer_end(struct buf *out, size_t start)
{
	wire_end(out, start);
}

void answer_status(struct buf *out, uint8_t operation, const char *id, int status, const char *text)
{
	answer_end(out, answer_begin(out, operation, id, status, text, 0));
}
