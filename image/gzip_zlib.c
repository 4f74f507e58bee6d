/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"
#include "image/gzip.h"

#define BLOCK       (128 << 10)
#define WINDOW_GZIP (15 + 16) /* the largest window, and gzip's header around it */

struct gzip {
	z_stream stream;
	unsigned char out[BLOCK];
	const struct split_sink *sink;
};

struct gzip *gzip_new(const struct split_sink *sink)
{
	struct gzip *gzip = mem_alloc(sizeof(*gzip));

	if (deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* out of memory, as in base/mem.c */
	gzip->sink = sink;
	return gzip;
}

void gzip_free(struct gzip *gzip)
{
	if (gzip)
		deflateEnd(&gzip->stream);
	free(gzip);
}

/* Until everything that is ready has been given away. */
static bool run(struct gzip *gzip, int flush, struct error *err)
{
	z_stream *stream = &gzip->stream;

	do {
		stream->next_out = gzip->out;
		stream->avail_out = sizeof(gzip->out);
		if (deflate(stream, flush) == Z_STREAM_ERROR)
			return error_set(err, ERROR_SYSTEM, "gzip: a broken stream");
		size_t made = sizeof(gzip->out) - stream->avail_out;

		if (made > 0 && !gzip->sink->put(gzip->sink->context, gzip->out, made, err))
			return false;
	} while (stream->avail_out == 0);
	return true;
}

bool gzip_add(struct gzip *gzip, const void *bytes, size_t count, struct error *err)
{
	const unsigned char *next = bytes;

	for (size_t part; count > 0; next += part, count -= part) {
		part = count < UINT_MAX / 2 ? count : UINT_MAX / 2;
		gzip->stream.next_in = (unsigned char *)(uintptr_t)next; /* it only reads */
		gzip->stream.avail_in = (unsigned int)part;
		if (!run(gzip, Z_NO_FLUSH, err))
			return false;
	}
	return true;
}

bool gzip_finish(struct gzip *gzip, struct error *err)
{
	gzip->stream.avail_in = 0;
	return run(gzip, Z_FINISH, err);
}
