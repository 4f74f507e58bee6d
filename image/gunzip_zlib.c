/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib, where there is no ISA-L.
 */
#include <zlib.h>

#include "base/mem.h"
#include "image/pump.h"

struct gunzip {
	z_stream stream;
	bool is_finished; /* between two members, or at the end */
};

/* Inflates what is in next_in, going on from one member to the next. */
static bool inflate_block(struct pump *pump, struct gunzip *gunzip, struct error *err)
{
	z_stream *stream = &gunzip->stream;

	for (;;) {
		if (gunzip->is_finished && stream->avail_in == 0)
			return true;
		if (gunzip->is_finished)
			inflateReset(stream);
		gunzip->is_finished = false;
		if (!pump_room(pump, &stream->next_out, err))
			return false;
		stream->avail_out = PUMP_ROOM;

		int status = inflate(stream, Z_NO_FLUSH);

		if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
			return error_set(err, ERROR_CORRUPT, "gzip: %s",
					 stream->msg ? stream->msg : "invalid data");
		gunzip->is_finished = status == Z_STREAM_END;

		size_t made = PUMP_ROOM - stream->avail_out;

		if (!pump_made(pump, made, err))
			return false;
		if (made == 0 && !gunzip->is_finished)
			return true; /* it wants more */
	}
}

static bool gunzip_all(struct pump *pump, struct gunzip *gunzip, struct error *err)
{
	unsigned char *bytes;
	size_t count;

	for (;;) {
		if (!pump_read(pump, &bytes, &count, err))
			return false;
		if (count == 0)
			break;
		gunzip->stream.next_in = bytes;
		gunzip->stream.avail_in = (uInt)count;
		if (!inflate_block(pump, gunzip, err))
			return false;
	}
	return gunzip->is_finished || error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

bool pump_gzip(struct pump *pump, struct error *err)
{
	autofree struct gunzip *gunzip = mem_alloc(sizeof(*gunzip));

	if (inflateInit2(&gunzip->stream, 16 + MAX_WBITS) != Z_OK) /* 16: gzip, not zlib */
		return error_set(err, ERROR_SYSTEM, "zlib cannot start");

	bool is_good = gunzip_all(pump, gunzip, err);

	inflateEnd(&gunzip->stream);
	return is_good;
}
