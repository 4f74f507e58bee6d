/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd. How far back a frame reaches for what it repeats, its header says, and so much is kept in
 * memory: 2 MiB by default, 8 MiB from level 19 and from buildkit. Where others have too much of
 * the allowance already, it waits before it has any.
 *
 * Where marks are wanted, zstdstate walks along. Whoever goes on from one reads a frame that begins
 * with a header of ours and the window's bytes, which are in the tree by now; the state is its
 * dictionary. The original frame's checksum is of no use then: the layer's digest has to do.
 */
#define ZSTD_STATIC_LINKING_ONLY /* a dictionary by reference: a window that is never touched */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"
#include "image/limits.h"
#include "image/pump.h"
#include "image/zstdstate.h"

#define BLOCK (128 << 10) /* what a frame is made of */
#define HEAD  64          /* its header is in there */

/* Of a decoder, beside the window: what it reads and writes a block into, its tables, and ours. */
#define BESIDE (768 << 10)

/* The window of a frame that begins with these bytes (RFC 8878, section 3.1.1.1); 0 if they are not
 * the beginning of one, or it is as small as its content. */
static int64_t window_of(const unsigned char *bytes, size_t count)
{
	static const unsigned char magic[] = { 0x28, 0xb5, 0x2f, 0xfd };
	const unsigned char is_single = 0x20;

	if (count < 6 || memcmp(bytes, magic, sizeof(magic)) != 0 || (bytes[4] & is_single))
		return 0;

	return zstdstate_window(&(const struct zstdstate){ .window = bytes[5] });
}

struct unzstd {
	struct pump *pump;
	ZSTD_DStream *stream;
	size_t pending; /* 0 between two frames, skippable ones included */
	int64_t held;   /* of the allowance */
	int64_t frame;  /* where in the output it began */
	struct zstdwalk walk;
	void *dictionary; /* in the frame that was gone on with; otherwise NULL */
	size_t dictionary_size;
	bool is_window; /* what comes out was passed on long ago */
};

static bool take(struct unzstd *unzstd, int64_t bytes, struct error *err)
{
	const struct allowance *allowance = unzstd->pump->allowance;

	return !allowance || allowance_take(allowance, "zstd's window", bytes, &unzstd->held, err);
}

/* Most layers are one frame, and wait here. */
static bool begin(struct unzstd *unzstd, int64_t window, struct error *err)
{
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

static bool inflate(struct unzstd *unzstd, const void *bytes, size_t count, struct error *err)
{
	ZSTD_inBuffer in = { .src = bytes, .size = count };
	ZSTD_outBuffer out;
	unsigned char *room;

	do {
		if (!pump_room(unzstd->pump, &room, err))
			return false;
		out = (ZSTD_outBuffer){ .dst = room, .size = PUMP_ROOM };
		unzstd->pending = ZSTD_decompressStream(unzstd->stream, &out, &in);
		if (ZSTD_isError(unzstd->pending))
			return error_set(err, ERROR_CORRUPT, "zstd: %s",
					 ZSTD_getErrorName(unzstd->pending));
		/* A later frame may have a wider window. The memory is there now, but a block of it
		 * used at most. */
		if (!take(unzstd, (int64_t)ZSTD_sizeof_DStream(unzstd->stream), err) ||
		    (!unzstd->is_window && !pump_made(unzstd->pump, out.pos, err)))
			return false;
		/* At a frame's end nothing is left, however full the buffer is: another call would
		 * begin the next frame. */
	} while (in.pos < in.size || (out.pos == out.size && unzstd->pending > 0));
	return true;
}

/* -- going on -----------------------------------------------------------------------------------
 */

static bool read_state(const struct pump_mark *mark, struct zstdstate *state)
{
	if (mark->compression != COMPRESSION_ZSTD || mark->decoder_size != sizeof(*state))
		return false;
	memcpy(state, mark->decoder, sizeof(*state));
	return zstdstate_is_sound(state) && state->made <= mark->out;
}

int64_t pump_window(const struct pump_mark *mark)
{
	struct zstdstate state;

	if (!read_state(mark, &state))
		return 0;

	int64_t window = zstdstate_window(&state);

	return state.made < window ? state.made : window;
}

/* The content is only there to be long enough: its pages stay untouched. */
static bool load_dictionary(struct unzstd *unzstd, const struct zstdstate *state, struct error *err)
{
	unzstd->dictionary_size = ZSTDSTATE_DICTIONARY + (size_t)zstdstate_window(state);
	unzstd->dictionary = mmap(NULL, unzstd->dictionary_size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (unzstd->dictionary == MAP_FAILED) {
		unzstd->dictionary = NULL;
		return error_sys(err, "zstd: map memory");
	}
	(void)zstdstate_dictionary(state, unzstd->dictionary);

	size_t status = ZSTD_DCtx_loadDictionary_byReference(unzstd->stream, unzstd->dictionary,
							     unzstd->dictionary_size);

	return !ZSTD_isError(status) ||
	       error_set(err, ERROR_CORRUPT, "zstd: %s", ZSTD_getErrorName(status));
}

static void drop_dictionary(struct unzstd *unzstd)
{
	if (!unzstd->dictionary)
		return;
	ZSTD_DCtx_reset(unzstd->stream, ZSTD_reset_session_only);
	ZSTD_DCtx_loadDictionary(unzstd->stream, NULL, 0);
	munmap(unzstd->dictionary, unzstd->dictionary_size);
	unzstd->dictionary = NULL;
}

static bool read_window(int fd, char *to, size_t count, struct error *err)
{
	while (count > 0) {
		ssize_t got = read(fd, to, count);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read what was unpacked");
		if (got == 0)
			return error_set(err, ERROR_CORRUPT, "what was unpacked is not there");
		to += got;
		count -= (size_t)got;
	}
	return true;
}

/* In blocks that are not compressed. */
static bool give_window(struct unzstd *unzstd, int64_t bytes, struct error *err)
{
	struct pump *pump = unzstd->pump;

	while (bytes > 0) {
		size_t step = bytes < BLOCK ? (size_t)bytes : BLOCK;
		uint32_t size = (uint32_t)step << 3;
		const unsigned char header[] = { size & 0xff, size >> 8 & 0xff, size >> 16 };

		if (!read_window(*pump->window, pump->buffer, step, err) ||
		    !inflate(unzstd, header, sizeof(header), err) ||
		    !inflate(unzstd, pump->buffer, step, err))
			return false;
		bytes -= (int64_t)step;
	}
	return true;
}

static bool go_on(struct unzstd *unzstd, struct error *err)
{
	struct pump *pump = unzstd->pump;
	unsigned char header[ZSTDSTATE_HEADER];
	struct zstdstate state;

	if (!read_state(pump->from, &state) || !pump->window)
		return error_set(err, ERROR_CORRUPT, "zstd: nothing to go on with");
	if (!begin(unzstd, zstdstate_window(&state), err) || !load_dictionary(unzstd, &state, err))
		return false;
	zstdwalk_go_on(&unzstd->walk, &state);
	unzstd->frame = pump->from->out - state.made;
	unzstd->is_window = true;

	size_t length = zstdstate_header(&state, header);
	bool is_good = inflate(unzstd, header, length, err) &&
		       give_window(unzstd, pump_window(pump->from), err);

	unzstd->is_window = false;
	return is_good;
}

/* -- the source ---------------------------------------------------------------------------------
 */

static bool note(struct unzstd *unzstd, struct error *err)
{
	struct zstdwalk *walk = &unzstd->walk;
	struct pump *pump = unzstd->pump;

	if (walk->at == ZSTDWALK_LOST && unzstd->dictionary)
		return error_set(err, ERROR_CORRUPT, "zstd: invalid data");
	if (walk->at == ZSTDWALK_FRAME) {
		drop_dictionary(unzstd);
		unzstd->frame = pump->out;
		pump_note(pump, COMPRESSION_ZSTD, NULL, 0);
	}
	if (walk->at == ZSTDWALK_BLOCK) {
		walk->state.made = pump->out - unzstd->frame;
		if (zstdstate_is_sound(&walk->state))
			pump_note(pump, COMPRESSION_ZSTD, &walk->state, sizeof(walk->state));
	}
	return true;
}

static bool inflate_walking(struct unzstd *unzstd, const unsigned char *bytes, size_t count,
			    struct error *err)
{
	struct zstdwalk *walk = &unzstd->walk;

	while (count > 0) {
		walk->is_wanted = pump_is_due(unzstd->pump);

		/* The frame that libzstd reads has none. */
		bool is_for_us = unzstd->dictionary && zstdwalk_is_checksum(walk);
		size_t step = zstdwalk_step(walk, bytes, count);

		pump_count(unzstd->pump, bytes, step);
		if ((!is_for_us && !inflate(unzstd, bytes, step, err)) || !note(unzstd, err))
			return false;
		bytes += step;
		count -= step;
	}
	return true;
}

static bool inflate_all(struct unzstd *unzstd, struct error *err)
{
	struct pump *pump = unzstd->pump;
	bool is_walked = pump->marks || pump->from;

	for (;;) {
		unsigned char *bytes;
		size_t count;

		if (!pump_get(pump, &bytes, &count, err))
			return false;
		if (count == 0)
			break;
		if (!unzstd->stream && !begin(unzstd, window_of(bytes, count), err))
			return false;
		if (is_walked && !inflate_walking(unzstd, bytes, count, err))
			return false;
		if (is_walked)
			continue;
		pump_count(pump, bytes, count);
		if (!inflate(unzstd, bytes, count, err))
			return false;
	}
	return (unzstd->pending == 0 && !unzstd->dictionary) ||
	       error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

bool pump_zstd(struct pump *pump, struct error *err)
{
	autofree struct unzstd *unzstd = mem_alloc(sizeof(*unzstd));
	bool is_inside = pump->from && pump->from->decoder_size > 0;

	unzstd->pump = pump;
	unzstd->pending = pump->from ? 0 : 1; /* between two frames the rest may be nothing */
	unzstd->frame = pump->out;
	if (pump->marks || pump->from)
		zstdwalk_init(&unzstd->walk);
	pump->block = HEAD;

	bool is_good = (!is_inside || go_on(unzstd, err)) && inflate_all(unzstd, err);

	drop_dictionary(unzstd);
	ZSTD_freeDStream(unzstd->stream);
	if (pump->allowance) /* now that it is free: another may be waiting */
		allowance_give(pump->allowance, &unzstd->held);
	return is_good;
}
