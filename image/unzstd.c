/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd. How far back a frame reaches for what it repeats, its header says, and so much is kept in
 * memory: 2 MiB by default, 8 MiB from level 19 and from buildkit. Of the layers that are unpacked
 * at the same time only one may have more than PUMP_NARROW; the next waits for its turn.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"
#include "image/limits.h"
#include "image/pump.h"

#define BLOCK (128 << 10) /* what a frame is made of */

struct unzstd {
	struct pump *pump;
	ZSTD_DStream *stream;
	size_t pending; /* 0 between two frames, skippable ones included */
	bool has_turn;
	char out[BLOCK];
};

static bool take_turn(struct unzstd *unzstd, struct error *err)
{
	uint64_t one;

	if (unzstd->has_turn || !unzstd->pump->turn ||
	    ZSTD_sizeof_DStream(unzstd->stream) <= PUMP_NARROW)
		return true;
	while (read(*unzstd->pump->turn, &one, sizeof(one)) < 0)
		if (errno != EINTR)
			return error_sys(err, "wait for memory");
	unzstd->has_turn = true;
	return true;
}

static void give_turn(struct unzstd *unzstd)
{
	const uint64_t one = 1;

	if (unzstd->has_turn)
		(void)!write(*unzstd->pump->turn, &one, sizeof(one));
}

static bool inflate_block(struct unzstd *unzstd, ZSTD_inBuffer *in, struct error *err)
{
	ZSTD_outBuffer out;

	do {
		out = (ZSTD_outBuffer){ .dst = unzstd->out, .size = sizeof(unzstd->out) };
		unzstd->pending = ZSTD_decompressStream(unzstd->stream, &out, in);
		if (ZSTD_isError(unzstd->pending))
			return error_set(err, ERROR_CORRUPT, "zstd: %s",
					 ZSTD_getErrorName(unzstd->pending));
		/* The memory is there now, but a block of it used at most. */
		if (!take_turn(unzstd, err) || !pump_write(unzstd->pump, unzstd->out, out.pos, err))
			return false;
	} while (in->pos < in->size || out.pos == out.size);
	return true;
}

static bool inflate_all(struct unzstd *unzstd, struct error *err)
{
	for (;;) {
		unsigned char *bytes;
		size_t count;

		if (!pump_read(unzstd->pump, &bytes, &count, err))
			return false;
		if (count == 0)
			break;

		ZSTD_inBuffer in = { .src = bytes, .size = count };

		if (!inflate_block(unzstd, &in, err))
			return false;
	}
	return unzstd->pending == 0 || error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

bool pump_zstd(struct pump *pump, struct error *err)
{
	autofree struct unzstd *unzstd = mem_alloc(sizeof(*unzstd));

	*unzstd = (struct unzstd){ .pump = pump, .stream = ZSTD_createDStream(), .pending = 1 };
	if (!unzstd->stream)
		return error_set(err, ERROR_SYSTEM, "zstd cannot start");
	ZSTD_DCtx_setParameter(unzstd->stream, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW_LOG);
	pump->block = BLOCK;

	bool is_good = inflate_all(unzstd, err);

	give_turn(unzstd);
	ZSTD_freeDStream(unzstd->stream);
	return is_good;
}
