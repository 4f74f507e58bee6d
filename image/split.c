/* SPDX-License-Identifier: Apache-2.0 */
#include "image/split.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "image/limits.h"

/*
 * How this works: bytes come in blocks, and only when libarchive has read a header is it known
 * where a file's content begins: in bytes that were added already. So bytes wait in a window until
 * they are certain to be none: libarchive never looks further ahead than its largest header.
 */
#define LOOK_AHEAD (2 << 20) /* a PAX header has 1 MiB at most */
#define WINDOW_MAX (2 * LOOK_AHEAD + (1 << 20))
#define LEVEL      1
#define WINDOW_LOG 16 /* headers repeat soon: more would cost memory and find little */

struct split {
	int fd;
	ZSTD_CCtx *zstd;
	struct buf window;
	size_t done;          /* of it, from its beginning: kept, or content */
	int64_t window_start; /* where in the archive the rest of it begins */
	int64_t skip_end;     /* bytes in front of this are content: not kept */
	bool is_lost; /* out of step: save will find the wrong digest, but unpacking goes on */
	char out[64 << 10];
};

bool split_new(int fd, struct split **split, struct error *err)
{
	struct split *made = mem_alloc(sizeof(*made));

	made->fd = fd;
	made->zstd = ZSTD_createCCtx();
	buf_init(&made->window, WINDOW_MAX);
	*split = made;
	if (!made->zstd)
		return error_set(err, ERROR_SYSTEM, "zstd cannot start");
	ZSTD_CCtx_setParameter(made->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(made->zstd, ZSTD_c_windowLog, WINDOW_LOG);
	return true;
}

void split_free(struct split *split)
{
	if (!split)
		return;
	ZSTD_freeCCtx(split->zstd);
	buf_done(&split->window);
	free(split);
}

static bool compress(struct split *split, const void *bytes, size_t count, ZSTD_EndDirective end,
		     struct error *err)
{
	ZSTD_inBuffer in = { .src = bytes, .size = count };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = split->out, .size = sizeof(split->out) };

		left = ZSTD_compressStream2(split->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return error_set(err, ERROR_SYSTEM, "zstd: %s", ZSTD_getErrorName(left));
		if (!file_write(split->fd, "a layer's headers", split->out, out.pos, err))
			return false;
	} while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
	return true;
}

static bool put_record(struct split *split, char kind, uint32_t length, struct error *err)
{
	return compress(split, &kind, 1, ZSTD_e_continue, err) &&
	       compress(split, &length, sizeof(length), ZSTD_e_continue, err);
}

static size_t waiting(const struct split *split)
{
	return split->window.length - split->done;
}

/* Nothing is moved for it: a block holds many small files. */
static void pass(struct split *split, size_t count)
{
	split->done += count;
	split->window_start += (int64_t)count;
}

/* Keeps what waits in the window, up to `end`. */
static bool keep_until(struct split *split, int64_t end, struct error *err)
{
	size_t count = end > split->window_start ? (size_t)(end - split->window_start) : 0;

	if (count > waiting(split))
		count = waiting(split);
	if (count == 0)
		return true;
	if (!put_record(split, 'r', (uint32_t)count, err) ||
	    !compress(split, split->window.data + split->done, count, ZSTD_e_continue, err))
		return false;
	pass(split, count);
	return true;
}

bool split_add(struct split *split, const void *bytes, size_t count, struct error *err)
{
	int64_t start = split->window_start + (int64_t)waiting(split);
	int64_t skipped = split->skip_end - start;

	if (split->is_lost)
		return true;
	if (skipped > 0) { /* the window is empty: all before is content */
		size_t step = skipped < (int64_t)count ? (size_t)skipped : count;

		split->window_start += (int64_t)step;
		bytes = (const char *)bytes + step;
		count -= step;
	}
	buf_consume(&split->window, split->done);
	split->done = 0;
	buf_add(&split->window, bytes, count);
	if (split->window.length > 2 * LOOK_AHEAD)
		return keep_until(split,
				  split->window_start + (int64_t)split->window.length - LOOK_AHEAD,
				  err);
	return buf_check(&split->window, "a layer's headers", err);
}

bool split_file(struct split *split, int64_t start, int64_t size, const char *path,
		struct error *err)
{
	int64_t end = start + size;
	uint64_t content = (uint64_t)size;
	size_t length = strlen(path);

	if (!keep_until(split, start, err))
		return false;
	split->is_lost = split->is_lost || split->window_start != start;
	if (split->is_lost)
		return true;

	pass(split, size < (int64_t)waiting(split) ? (size_t)size : waiting(split));
	split->skip_end = end;
	return put_record(split, 'f', (uint32_t)length, err) &&
	       compress(split, &content, sizeof(content), ZSTD_e_continue, err) &&
	       compress(split, path, length, ZSTD_e_continue, err);
}

bool split_copy(const struct split *split, int64_t from, int64_t to, void *bytes, size_t room)
{
	int64_t start = split->window_start, end = start + (int64_t)waiting(split);

	if (split->is_lost || from < start || to > end || from > to || to - from > (int64_t)room)
		return false;
	memcpy(bytes, split->window.data + split->done + (from - start), (size_t)(to - from));
	return true;
}

void split_go_on(struct split *split, int64_t at, int64_t end)
{
	split->window_start = at;
	split->skip_end = end;
}

/* A frame of its own, so that what follows can be cut off again. */
bool split_cut(struct split *split, int64_t end, int64_t *size, struct error *err)
{
	if (!keep_until(split, end, err) || !compress(split, NULL, 0, ZSTD_e_end, err))
		return false;
	*size = lseek(split->fd, 0, SEEK_CUR);
	return *size >= 0 || error_sys(err, "a layer's headers");
}

bool split_finish(struct split *split, struct error *err)
{
	return keep_until(split, INT64_MAX, err) && compress(split, NULL, 0, ZSTD_e_end, err);
}
