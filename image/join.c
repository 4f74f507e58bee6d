/* SPDX-License-Identifier: Apache-2.0 */
#include "image/split.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/path.h"
#include "image/limits.h"

#define BLOCK (128 << 10)

struct join {
	int fd, diff;
	const struct split_sink *sink;
	const struct split_part *part;
	int64_t at; /* in the archive */
	ZSTD_DStream *zstd;
	ZSTD_inBuffer in;
	char raw[BLOCK];   /* compressed */
	char block[BLOCK]; /* on its way to the sink */
};

static bool refill(struct join *join, bool *is_end, struct error *err)
{
	ssize_t got;

	while ((got = read(join->fd, join->raw, sizeof(join->raw))) < 0 && errno == EINTR)
		;
	if (got < 0)
		return error_sys(err, "read a layer's headers");
	*is_end = got == 0;
	join->in = (ZSTD_inBuffer){ .src = join->raw, .size = (size_t)got };
	return true;
}

/* Reads exactly `count` bytes; *is_end, if given, allows the end in front of the first. */
static bool take(struct join *join, void *to, size_t count, bool *is_end, struct error *err)
{
	ZSTD_outBuffer out = { .dst = to, .size = count };

	while (out.pos < count) {
		size_t before = out.pos;
		size_t status = ZSTD_decompressStream(join->zstd, &out, &join->in);
		bool is_drained = false;

		if (ZSTD_isError(status))
			return error_set(err, ERROR_CORRUPT, "a layer's headers: %s",
					 ZSTD_getErrorName(status));
		if (out.pos > before || join->in.pos < join->in.size)
			continue;
		if (!refill(join, &is_drained, err))
			return false;
		if (is_drained && is_end && out.pos == 0) {
			*is_end = true;
			return true;
		}
		if (is_drained)
			return error_set(err, ERROR_CORRUPT, "a layer's headers are cut off");
	}
	return true;
}

/* The archive's next bytes, of which only a part may be wanted. */
static bool put(struct join *join, size_t count, struct error *err)
{
	const struct split_part *part = join->part;
	int64_t at = join->at, end = at + (int64_t)count;
	int64_t first = part->start > at ? part->start : at;
	int64_t last = part->end < end ? part->end : end;

	join->at = end;
	return first >= last || join->sink->put(join->sink->context, join->block + (first - at),
						(size_t)(last - first), err);
}

static bool put_raw(struct join *join, size_t length, struct error *err)
{
	while (length > 0) {
		size_t step = length < sizeof(join->block) ? length : sizeof(join->block);

		if (!take(join, join->block, step, NULL, err) || !put(join, step, err))
			return false;
		length -= step;
	}
	return true;
}

static bool put_content(struct join *join, int file, const char *path, uint64_t size,
			struct error *err)
{
	int64_t unwanted = join->part->start - join->at;

	if (unwanted > 0) {
		if (lseek(file, unwanted, SEEK_SET) < 0)
			return error_sys(err, "read %s", path);
		join->at += unwanted;
		size -= (uint64_t)unwanted;
	}
	while (size > 0 && join->at < join->part->end) {
		size_t step = size < sizeof(join->block) ? (size_t)size : sizeof(join->block);
		ssize_t got = read(file, join->block, step);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read %s", path);
		if (got == 0)
			return error_set(err, ERROR_CORRUPT, "%s is shorter than it was", path);
		if (!put(join, (size_t)got, err))
			return false;
		size -= (uint64_t)got;
	}
	return true;
}

static bool put_file(struct join *join, size_t length, struct error *err)
{
	char path[LIMIT_ENTRY_PATH + 1];
	struct stat info;
	uint64_t size;

	if (length > LIMIT_ENTRY_PATH)
		return error_set(err, ERROR_CORRUPT, "a layer's headers: a name is too long");
	if (!take(join, &size, sizeof(size), NULL, err) || !take(join, path, length, NULL, err))
		return false;
	path[length] = '\0';
	if (size > LIMIT_LAYER_FILE || join->at > LIMIT_LAYER_TAR)
		return error_set(err, ERROR_CORRUPT, "a layer's headers: a file is too large");
	if (join->at + (int64_t)size <= join->part->start) {
		join->at += (int64_t)size;
		return true;
	}

	autoclose int file = -1;

	/* Not blocking: it may have become a fifo by a later entry of the same name. */
	if (!path_open(join->diff, path, PATH_IN_ROOT, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &file,
		       err))
		return false;
	if (fstat(file, &info) < 0 || !S_ISREG(info.st_mode))
		return error_set(err, ERROR_CORRUPT, "%s is no file any more", path);
	return put_content(join, file, path, size, err);
}

static bool put_all(struct join *join, struct error *err)
{
	for (bool is_end = false; join->at < join->part->end;) {
		uint32_t length;
		char kind;

		if (!take(join, &kind, 1, &is_end, err))
			return false;
		if (is_end)
			return true;
		if (!take(join, &length, sizeof(length), NULL, err))
			return false;
		if (!(kind == 'f' ? put_file(join, length, err) : put_raw(join, length, err)))
			return false;
	}
	return true;
}

bool split_join_part(int fd, int diff, const struct split_part *part, const struct split_sink *sink,
		     struct error *err)
{
	autofree struct join *join = mem_alloc(sizeof(*join));

	join->fd = fd;
	join->diff = diff;
	join->sink = sink;
	join->part = part;
	join->zstd = ZSTD_createDStream();
	if (!join->zstd)
		return error_set(err, ERROR_SYSTEM, "zstd cannot start");

	bool is_good = put_all(join, err);

	ZSTD_freeDStream(join->zstd);
	return is_good;
}

bool split_join(int fd, int diff, const struct split_sink *sink, struct error *err)
{
	const struct split_part all = { 0, INT64_MAX };

	return split_join_part(fd, diff, &all, sink, err);
}
