/* SPDX-License-Identifier: Apache-2.0 */
#include <zstd.h>

#include "base/mem.h"
#include "image/limits.h"
#include "image/pump.h"

/* *pending is 0 between two frames, skippable ones included. */
static bool inflate_block(struct pump *pump, ZSTD_DStream *stream, ZSTD_inBuffer *in, char *block,
			  size_t *pending, struct error *err)
{
	ZSTD_outBuffer out;

	do {
		out = (ZSTD_outBuffer){ .dst = block, .size = PUMP_BLOCK };
		*pending = ZSTD_decompressStream(stream, &out, in);
		if (ZSTD_isError(*pending))
			return error_set(err, ERROR_CORRUPT, "zstd: %s",
					 ZSTD_getErrorName(*pending));
		if (!pump_write(pump, block, out.pos, err))
			return false;
	} while (in->pos < in->size || out.pos == out.size);
	return true;
}

static bool unzstd(struct pump *pump, ZSTD_DStream *stream, char *block, struct error *err)
{
	size_t pending = 1;

	for (;;) {
		unsigned char *bytes;
		size_t count;

		if (!pump_read(pump, &bytes, &count, err))
			return false;
		if (count == 0)
			break;

		ZSTD_inBuffer in = { .src = bytes, .size = count };

		if (!inflate_block(pump, stream, &in, block, &pending, err))
			return false;
	}
	return pending == 0 || error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

bool pump_zstd(struct pump *pump, struct error *err)
{
	autofree char *block = mem_alloc(PUMP_BLOCK);
	ZSTD_DStream *stream = ZSTD_createDStream();

	if (!stream)
		return error_set(err, ERROR_SYSTEM, "zstd cannot start");
	ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW_LOG);

	bool is_good = unzstd(pump, stream, block, err);

	ZSTD_freeDStream(stream);
	return is_good;
}
