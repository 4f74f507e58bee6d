/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd. How far back a frame reaches for what it repeats, its header says, and so much is kept in
 * memory: 2 MiB by default, 8 MiB from level 19 and from buildkit. Where others have too much of
 * the allowance already, it waits before it has any.
 */
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"
#include "image/limits.h"
#include "image/pump.h"

#define BLOCK (128 << 10) /* what a frame is made of */
#define HEAD  64          /* its header is in there */

/* Of a decoder, beside the window: what it reads and writes a block into, its tables. */
#define BESIDE (640 << 10)

/* The window of a frame that begins with these bytes (RFC 8878, section 3.1.1.1); 0 if they are not
 * the beginning of one, or it is as small as its content. */
static int64_t window_of(const unsigned char *bytes, size_t count)
{
	static const unsigned char magic[] = { 0x28, 0xb5, 0x2f, 0xfd };
	const unsigned char is_single = 0x20;

	if (count < 6 || memcmp(bytes, magic, sizeof(magic)) != 0 || (bytes[4] & is_single))
		return 0;

	int64_t base = 1LL << (10 + (bytes[5] >> 3));

	return base + base / 8 * (bytes[5] & 7);
}

struct unzstd {
	struct pump *pump;
	ZSTD_DStream *stream;
	size_t pending; /* 0 between two frames, skippable ones included */
	int64_t held;   /* of the allowance */
};

static bool take(struct unzstd *unzstd, int64_t bytes, struct error *err)
{
	const struct allowance *allowance = unzstd->pump->allowance;

	return !allowance || allowance_take(allowance, "zstd's window", bytes, &unzstd->held, err);
}

/* Most layers are one frame, and wait here. */
static bool begin(struct unzstd *unzstd, const unsigned char *bytes, size_t count,
		  struct error *err)
{
	int64_t window = window_of(bytes, count);

	if (window > 1LL << LIMIT_ZSTD_WINDOW_LOG)
		return error_set(err, ERROR_UNSUPPORTED,
				 "zstd: a window of %lld MiB; at most %d are supported",
				 (long long)(window >> 20), 1 << (LIMIT_ZSTD_WINDOW_LOG - 20));
	if (window > 0 && !take(unzstd, window + BESIDE, err))
		return false;
	unzstd->stream = ZSTD_createDStream();
	if (!unzstd->stream)
		return error_set(err, ERROR_SYSTEM, "zstd cannot start");
	ZSTD_DCtx_setParameter(unzstd->stream, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW_LOG);
	unzstd->pump->block = BLOCK;
	return true;
}

static bool inflate_block(struct unzstd *unzstd, ZSTD_inBuffer *in, struct error *err)
{
	ZSTD_outBuffer out;
	unsigned char *room;

	do {
		if (!pump_room(unzstd->pump, &room, err))
			return false;
		out = (ZSTD_outBuffer){ .dst = room, .size = PUMP_ROOM };
		unzstd->pending = ZSTD_decompressStream(unzstd->stream, &out, in);
		if (ZSTD_isError(unzstd->pending))
			return error_set(err, ERROR_CORRUPT, "zstd: %s",
					 ZSTD_getErrorName(unzstd->pending));
		/* A later frame may have a wider window. The memory is there now, but a block of it
		 * used at most. */
		if (!take(unzstd, (int64_t)ZSTD_sizeof_DStream(unzstd->stream), err) ||
		    !pump_made(unzstd->pump, out.pos, err))
			return false;
		/* At a frame's end nothing is left, however full the buffer is: another call would
		 * begin the next frame. */
	} while (in->pos < in->size || (out.pos == out.size && unzstd->pending > 0));
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
		if (!unzstd->stream && !begin(unzstd, bytes, count, err))
			return false;

		ZSTD_inBuffer in = { .src = bytes, .size = count };

		if (!inflate_block(unzstd, &in, err))
			return false;
	}
	return unzstd->pending == 0 || error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

bool pump_zstd(struct pump *pump, struct error *err)
{
	struct unzstd unzstd = { .pump = pump, .pending = 1 };

	pump->block = HEAD;

	bool is_good = inflate_all(&unzstd, err);

	if (pump->allowance)
		allowance_give(pump->allowance, &unzstd.held);
	ZSTD_freeDStream(unzstd.stream);
	return is_good;
}
