/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xz, which old archives use. How much memory it takes, each block's header says: its dictionary,
 * which who packed it chose, up to 4 GiB. liblzma asks for it all at once, and uses it as it fills.
 */
#include <lzma.h>

#include "base/mem.h"
#include "image/pump.h"

struct unxz {
	struct pump *pump;
	lzma_stream stream;
	struct allowance allowance;
	int64_t held; /* of it */
};

static bool take(struct unxz *unxz, struct error *err)
{
	int64_t bytes = (int64_t)lzma_memusage(&unxz->stream);
	autofree char *what = mem_printf("an xz dictionary of %lld MiB", (long long)(bytes >> 20));

	return allowance_take(&unxz->allowance, what, bytes, &unxz->held, err);
}

static bool failed(struct unxz *unxz, lzma_ret status, struct error *err)
{
	switch (status) {
	case LZMA_MEMLIMIT_ERROR:
		return take(unxz, err) && error_set(err, ERROR_UNSUPPORTED, "xz: memory limit");
	case LZMA_MEM_ERROR:
		return error_set(err, ERROR_SYSTEM, "xz: out of memory");
	case LZMA_OPTIONS_ERROR:
		return error_set(err, ERROR_UNSUPPORTED,
				 "xz: packed in a way that liblzma does not know");
	case LZMA_BUF_ERROR:
		return error_set(err, ERROR_CORRUPT, "xz: unexpected EOF");
	default:
		return error_set(err, ERROR_CORRUPT, "xz: invalid data");
	}
}

static bool unpack(struct unxz *unxz, struct error *err)
{
	lzma_stream *stream = &unxz->stream;
	lzma_action action = LZMA_RUN;
	lzma_ret status;

	do {
		unsigned char *bytes;
		size_t count;

		if (stream->avail_in == 0 && action == LZMA_RUN) {
			if (!pump_read(unxz->pump, &bytes, &count, err))
				return false;
			stream->next_in = bytes;
			stream->avail_in = count;
			action = count > 0 ? LZMA_RUN : LZMA_FINISH;
		}
		if (!pump_room(unxz->pump, &bytes, err))
			return false;
		stream->next_out = bytes;
		stream->avail_out = PUMP_ROOM;
		status = lzma_code(stream, action);
		if (status != LZMA_OK && status != LZMA_STREAM_END)
			return failed(unxz, status, err);
		/* A later block may have a larger dictionary, of which little is used by now. */
		if (!take(unxz, err) || !pump_made(unxz->pump, PUMP_ROOM - stream->avail_out, err))
			return false;
	} while (status != LZMA_STREAM_END);
	return true;
}

bool pump_xz(struct pump *pump, struct error *err)
{
	struct unxz unxz = { .pump = pump,
			     .stream = LZMA_STREAM_INIT,
			     .allowance = { .turn = -1, .spare = -1 } };

	if (pump->allowance)
		unxz.allowance = *pump->allowance;

	uint64_t most = (uint64_t)allowance_most(&unxz.allowance);

	if (lzma_stream_decoder(&unxz.stream, most, LZMA_CONCATENATED) != LZMA_OK)
		return error_set(err, ERROR_SYSTEM, "liblzma cannot start");

	bool is_good = unpack(&unxz, err);

	allowance_give(&unxz.allowance, &unxz.held);
	lzma_end(&unxz.stream);
	return is_good;
}
