/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/limits.h"

enum compression compression_sniff(const void *bytes, size_t count)
{
	static const struct {
		enum compression compression;
		size_t length;
		const char *magic;
	} kinds[] = {
		{ COMPRESSION_GZIP, 2, "\x1f\x8b" },
		{ COMPRESSION_ZSTD, 4, "\x28\xb5\x2f\xfd" },
		{ COMPRESSION_XZ, 6, "\xfd\x37\x7a\x58\x5a\x00" },
		{ COMPRESSION_BZIP2, 3, "BZh" },
	};
	const unsigned char *b = bytes;

	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (count >= kinds[i].length && memcmp(b, kinds[i].magic, kinds[i].length) == 0)
			return kinds[i].compression;
	/* A skippable frame may come first (zstd:chunked). */
	if (count >= 4 && (b[0] & 0xf0) == 0x50 && memcmp(b + 1, "\x2a\x4d\x18", 3) == 0)
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

static ssize_t read_some(struct pump_source *source, char *buffer, size_t count)
{
	for (;;) {
		ssize_t got = source->offset < 0 ? read(source->fd, buffer, count)
						 : pread(source->fd, buffer, count, source->offset);

		if (got > 0 && source->offset >= 0)
			source->offset += got;
		if (got >= 0 || errno != EINTR)
			return got;
	}
}

/* Reads until the block is full or the source ends. */
static bool fill(struct pump *pump, void *to, size_t want, size_t *count, struct error *err)
{
	struct pump_source *source = &pump->source;

	*count = source->prefix_length < want ? source->prefix_length : want;
	if (*count > 0) {
		memcpy(to, source->prefix, *count);
		source->prefix = (const char *)source->prefix + *count;
		source->prefix_length -= *count;
	}
	while (*count < want) {
		ssize_t got = read_some(source, (char *)to + *count, want - *count);

		if (got < 0)
			return error_sys(err, "read the layer");
		if (got == 0)
			break;
		*count += (size_t)got;
	}
	return true;
}

/* The next pump->block bytes, to where they are wanted. */
static bool read_block(struct pump *pump, void *to, size_t *count, struct error *err)
{
	int64_t size = pump->source.size;
	bool is_sized = size >= 0;
	int64_t block = (int64_t)pump->block;
	int64_t left = is_sized ? size - pump->in : block;
	/* One byte more than there should be shows that there is more. A file's range just ends. */
	size_t spill = is_sized && pump->source.offset < 0 ? 1 : 0;
	size_t want = left < block ? (size_t)left + spill : pump->block;

	if (left >= 0 && !fill(pump, to, want, count, err))
		return false;
	if (is_sized && (left < 0 || (int64_t)*count > left))
		return error_set(err, ERROR_CORRUPT, "longer than the %lld bytes it should have",
				 (long long)size);
	if (is_sized && *count < want - spill)
		return error_set(err, ERROR_CORRUPT, "unexpected EOF");
	return !pump->copy || file_write(*pump->copy, "the blob", to, *count, err);
}

bool pump_get(struct pump *pump, unsigned char **bytes, size_t *count, struct error *err)
{
	*bytes = (unsigned char *)pump->buffer;
	return read_block(pump, pump->buffer, count, err);
}

void pump_count(struct pump *pump, const void *bytes, size_t count)
{
	hash_add(&pump->in_hash, bytes, count);
	pump->in += (int64_t)count;
}

bool pump_read(struct pump *pump, unsigned char **bytes, size_t *count, struct error *err)
{
	if (!pump_get(pump, bytes, count, err))
		return false;
	pump_count(pump, *bytes, *count);
	return true;
}

static bool cannot_pass_on(struct pump *pump, struct error *err)
{
	pump->is_cut_off = errno == EPIPE;
	return error_sys(err, "pass on the layer");
}

bool pump_room(struct pump *pump, unsigned char **room, struct error *err)
{
	if (!pump->room && pump->ring) {
		pump->room = (unsigned char *)ring_room(pump->ring);
		if (!pump->room)
			return cannot_pass_on(pump, err);
	}
	if (!pump->room && !pump->own)
		pump->own = mem_alloc(PUMP_ROOM);
	if (!pump->room)
		pump->room = pump->own;
	*room = pump->room;
	return true;
}

/* The first `count` bytes of the room. */
static bool pass_on(struct pump *pump, size_t count, struct error *err)
{
	if (pump->ring)
		return ring_send(pump->ring, count) || cannot_pass_on(pump, err);
	if (pump->to < 0 || file_write(pump->to, "its bytes", pump->room, count, err))
		return true;
	pump->is_cut_off = err->sys == EPIPE;
	return error_in(err, "pass on the layer");
}

static bool check_size(const struct pump *pump, struct error *err)
{
	int64_t ratio = pump->ratio > 0 ? pump->ratio : LIMIT_UNPACK_RATIO;

	if (pump->out > LIMIT_LAYER_TAR)
		return error_set(err, ERROR_INPUT, "unpacks to more than %lld bytes",
				 LIMIT_LAYER_TAR);
	if (pump->out > LIMIT_UNPACK_FLOOR && (pump->out - LIMIT_UNPACK_FLOOR) / ratio > pump->in)
		return error_set(err, ERROR_INPUT,
				 "unpacks to more than %lld GiB and %lld times what is compressed: "
				 "unpack-ratio in daemon.json can allow more",
				 LIMIT_UNPACK_FLOOR >> 30, (long long)ratio);
	return true;
}

bool pump_made(struct pump *pump, size_t count, struct error *err)
{
	hash_add(&pump->out_hash, pump->room, count);
	pump->out += (int64_t)count;
	if (!check_size(pump, err))
		return false;
	if (pump->skip > 0) {
		size_t step = pump->skip < (int64_t)count ? (size_t)pump->skip : count;

		pump->skip -= (int64_t)step;
		count -= step;
		memmove(pump->room, pump->room + step, count);
	}
	if (count == 0)
		return true;

	bool is_good = pass_on(pump, count, err);

	pump->room = NULL;
	return is_good;
}

bool pump_is_due(const struct pump *pump)
{
	return pump->marks && pump->out - pump->marked >= PUMP_MARK;
}

void pump_note(struct pump *pump, enum compression compression, const void *decoder, size_t size)
{
	if (!pump_is_due(pump) || size > PUMP_DECODER)
		return;

	struct pump_mark *mark = &pump->marks->marks[pump->marks->next++ % PUMP_MARKS];

	mark->out = 0; /* none, until it is whole */
	hash_save(&pump->in_hash, &mark->in_hash);
	hash_save(&pump->out_hash, &mark->out_hash);
	mark->in = pump->in;
	mark->compression = compression;
	mark->decoder_size = (uint32_t)size;
	if (size > 0)
		memcpy(mark->decoder, decoder, size);
	__atomic_store_n(&mark->out, pump->out, __ATOMIC_RELEASE);
	pump->marked = pump->out;
}

static bool pump_plain(struct pump *pump, struct error *err)
{
	unsigned char *room;
	size_t count;

	pump->block = PUMP_ROOM;
	do {
		if (!pump_room(pump, &room, err) || !read_block(pump, room, &count, err))
			return false;
		pump_count(pump, room, count);
		if (!pump_made(pump, count, err))
			return false;
		pump_note(pump, COMPRESSION_NONE, NULL, 0);
	} while (count > 0);
	return true;
}

/* Those that need so little that they never wait for each other; but for one that needs much. */
static bool run_small(struct pump *pump, int64_t bytes,
		      bool (*decompress)(struct pump *, struct error *), struct error *err)
{
	const struct allowance *allowance = pump->allowance;
	int64_t held = 0;

	if (!allowance)
		return decompress(pump, err);

	bool is_good =
		allowance_take(allowance, "a layer", bytes, &held, err) && decompress(pump, err);

	allowance_give(allowance, &held);
	return is_good;
}

static bool run(struct pump *pump, enum compression compression, struct error *err)
{
	switch (compression) {
	case COMPRESSION_GZIP:
		return run_small(pump, UNPACK_MEMORY_GZIP, pump_gzip, err);
	case COMPRESSION_ZSTD:
		return pump_zstd(pump, err);
	case COMPRESSION_XZ:
		return pump_xz(pump, err);
	case COMPRESSION_BZIP2:
		return pump_bzip2(pump, err);
	case COMPRESSION_NONE:
		break;
	}
	return run_small(pump, UNPACK_MEMORY_PLAIN, pump_plain, err);
}

/* Takes enough from the source to sniff; it becomes the prefix. */
static bool sniff(struct pump *pump, char head[COMPRESSION_SNIFF], enum compression *compression,
		  struct error *err)
{
	size_t length = 0;

	*compression = pump->from ? pump->from->compression : COMPRESSION_NONE;
	if (pump->is_plain || pump->from)
		return true;
	if (pump->source.prefix_length >= COMPRESSION_SNIFF) {
		*compression = compression_sniff(pump->source.prefix, COMPRESSION_SNIFF);
		return true;
	}
	if (pump->source.size >= 0 && pump->source.size < COMPRESSION_SNIFF)
		return true;
	if (!fill(pump, pump->buffer, COMPRESSION_SNIFF, &length, err))
		return false;
	memcpy(head, pump->buffer, length);
	pump->source.prefix = head;
	pump->source.prefix_length = length;
	*compression = compression_sniff(head, length);
	return true;
}

static void go_on(struct pump *pump)
{
	pump->in = pump->from->in;
	pump->out = pump->marked = pump->from->out;
	hash_load(&pump->in_hash, &pump->from->in_hash);
	hash_load(&pump->out_hash, &pump->from->out_hash);
}

bool pump_run(struct pump *pump, struct error *err)
{
	char head[COMPRESSION_SNIFF];
	enum compression compression;

	pump->buffer = mem_alloc(PUMP_BLOCK + 1);
	pump->block = PUMP_BLOCK;
	hash_init(&pump->in_hash);
	hash_init(&pump->out_hash);
	if (pump->from)
		go_on(pump);

	bool is_good = sniff(pump, head, &compression, err) && run(pump, compression, err);

	hash_finish(&pump->in_hash, &pump->in_digest);
	hash_finish(&pump->out_hash, &pump->out_digest);
	hash_done(&pump->in_hash);
	hash_done(&pump->out_hash);
	free(pump->own);
	free(pump->buffer);
	pump->buffer = NULL;
	return is_good;
}
