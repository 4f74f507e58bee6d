/* SPDX-License-Identifier: Apache-2.0 */
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/gzip.h"

#define BLOCK (128 << 10)

struct gzip {
	struct isal_zstream stream;
	unsigned char level[ISAL_DEF_LVL3_DEFAULT];
	unsigned char out[BLOCK];
	const struct split_sink *sink;
};

struct gzip *gzip_new(const struct split_sink *sink)
{
	struct gzip *gzip = mem_alloc(sizeof(*gzip));

	isal_deflate_init(&gzip->stream);
	gzip->stream.gzip_flag = IGZIP_GZIP;
	gzip->stream.level = 3;
	gzip->stream.level_buf = gzip->level;
	gzip->stream.level_buf_size = sizeof(gzip->level);
	gzip->sink = sink;
	return gzip;
}

void gzip_free(struct gzip *gzip)
{
	free(gzip);
}

/* Until the input is used up and everything that is ready has been given away. */
static bool run(struct gzip *gzip, struct error *err)
{
	struct isal_zstream *stream = &gzip->stream;

	do {
		stream->next_out = gzip->out;
		stream->avail_out = sizeof(gzip->out);
		int status = isal_deflate(stream);

		if (status != COMP_OK)
			return error_set(err, ERROR_SYSTEM, "gzip: failure %d", status);
		size_t made = sizeof(gzip->out) - stream->avail_out;

		if (made > 0 && !gzip->sink->put(gzip->sink->context, gzip->out, made, err))
			return false;
	} while (stream->avail_out == 0 || stream->avail_in > 0);
	return true;
}

bool gzip_add(struct gzip *gzip, const void *bytes, size_t count, struct error *err)
{
	struct isal_zstream *stream = &gzip->stream;
	const unsigned char *next = bytes;

	for (size_t part; count > 0; next += part, count -= part) {
		part = count < UINT32_MAX / 2 ? count : UINT32_MAX / 2;
		stream->next_in = (unsigned char *)(uintptr_t)next; /* it only reads */
		stream->avail_in = (uint32_t)part;
		if (!run(gzip, err))
			return false;
	}
	return true;
}

bool gzip_finish(struct gzip *gzip, struct error *err)
{
	gzip->stream.end_of_stream = 1;
	gzip->stream.avail_in = 0;
	do {
		if (!run(gzip, err))
			return false;
	} while (gzip->stream.internal_state.state != ZSTATE_END);
	return true;
}
