/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a compressor makes, at the end of every block: what zstdstate read off the stream, and
 * the bytes of the window, make a decoder that goes on as if nothing had been.
 */
#include "image/zstdstate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/pump.h"
#include "tests/unit/tap.h"

/* -- contents -----------------------------------------------------------------------------------
 */

#define CONTENT (400 << 10)
#define SMALL   (40 << 10)

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Words that come again. */
static void write_text(char *to, size_t size, uint32_t seed)
{
	static const char *const words[] = { "the",     "layer",   "of",
					     "an",      "image\n", "holds",
					     "entries", "whose",   "names",
					     "repeat",  "usr/lib", "python3",
					     "0644",    "ustar",   "\t{ return; }\n" };

	for (size_t at = 0; at < size;) {
		const char *word = words[draw(&seed) % COUNT_OF(words)];
		size_t length = strlen(word) + 1;

		if (length > size - at)
			length = size - at;
		memcpy(to + at, word, length);
		at += length;
	}
}

/* Records of numbers that grow: many short matches at few distances. */
static void write_records(char *to, size_t size, uint32_t seed)
{
	for (size_t at = 0; at < size; at++)
		to[at] = at % 24 < 16 ? (char)(at / 24 / (1 + at % 24)) : (char)(draw(&seed) & 15);
}

static void write_noise(char *to, size_t size, uint32_t seed)
{
	for (size_t at = 0; at < size; at++)
		to[at] = (char)draw(&seed);
}

static void write_zeros(char *to, size_t size, uint32_t seed)
{
	(void)seed;
	memset(to, 0, size);
}

/* Noise again and again, each time with some bytes missing: an offset, and the same less 1. */
static void write_thinned(char *to, size_t size, uint32_t seed)
{
	const size_t whole = 16 << 10;
	size_t from = 0;

	write_noise(to, size < whole ? size : whole, seed);
	for (size_t at = whole; at < size; at++) {
		to[at] = to[from++];
		from += draw(&seed) % 48 == 0;
	}
}

/* As an archive is: some of each, and zeros in between. */
static void write_mixture(char *to, size_t size, uint32_t seed)
{
	static void (*const writers[])(char *, size_t, uint32_t) = { write_text, write_zeros,
								     write_records, write_noise };

	for (size_t at = 0; at < size;) {
		size_t length = 1 + draw(&seed) % 60000;

		if (length > size - at)
			length = size - at;
		writers[draw(&seed) % COUNT_OF(writers)](to + at, length, seed);
		at += length;
	}
}

static const struct content {
	const char *name;
	void (*write)(char *to, size_t size, uint32_t seed);
} contents[] = {
	{ "text", write_text },   { "records", write_records }, { "noise", write_noise },
	{ "zeros", write_zeros }, { "thinned", write_thinned }, { "mixture", write_mixture },
};

/* -- compressing --------------------------------------------------------------------------------
 */

struct way {
	const char *name;
	int level, window;
	size_t flush; /* a block's size; 0: the compressor's choice */
	bool has_checksum, is_long, is_sized;
	int frames;    /* beside the first */
	size_t length; /* of the content; 0: CONTENT */
};

static void add_frame(const struct way *way, const char *bytes, size_t count, struct buf *to)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(count) + count / 2 + 4096;
	autofree char *frame = mem_alloc(room);
	ZSTD_inBuffer in = { .src = bytes };
	ZSTD_outBuffer out = { .dst = frame, .size = room };
	size_t left;

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, way->level);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, way->has_checksum);
	if (way->window > 0)
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, way->window);
	if (way->is_long)
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_enableLongDistanceMatching, 1);
	if (way->is_sized)
		ZSTD_CCtx_setPledgedSrcSize(zstd, count);
	while (way->flush > 0 && in.size + way->flush < count) {
		in.size += way->flush;
		(void)!ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush);
	}
	in.size = count;
	do
		left = ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end);
	while (left > 0 && !ZSTD_isError(left));
	check(!ZSTD_isError(left), "%s: compress", way->name);
	buf_add(to, frame, out.pos);
	ZSTD_freeCCtx(zstd);
}

/* -- going on -----------------------------------------------------------------------------------
 */

struct blob {
	int file, text; /* compressed, and what it is made of */
	int64_t size, length;
	struct digest in, out;
};

static int file_of(const char *bytes, size_t length)
{
	struct error err;
	int fd = memfd_create("zstdstate", MFD_CLOEXEC);

	if (fd < 0 || !file_write(fd, "zstdstate", bytes, length, &err))
		check(false, "prepare");
	return fd;
}

/* NULL: from the beginning. */
static bool goes_on(const struct blob *blob, const struct pump_mark *mark, struct error *err)
{
	struct pump pump = { .source = { .fd = blob->file, .size = blob->size },
			     .to = -1,
			     .from = mark,
			     .window = &blob->text };

	if (mark)
		pump.source.offset = mark->in;
	if (mark && lseek(blob->text, mark->out - pump_window(mark), SEEK_SET) < 0)
		return error_sys(err, "seek");
	if (!pump_run(&pump, err))
		return false;
	if (pump.in == blob->size && pump.out == blob->length &&
	    digest_is_equal(&pump.in_digest, &blob->in) &&
	    digest_is_equal(&pump.out_digest, &blob->out))
		return true;
	return error_set(err, ERROR_CORRUPT, "other bytes");
}

/* What reads the blob and stops at every end. */
struct reading {
	struct zstdwalk *walk, *late; /* late: it begins to follow in the middle */
	ZSTD_DStream *zstd;
	struct hash in, out;
	int64_t frame;
	struct pump_mark *mark;
	int blocks, missing, wrong, late_blocks;
	struct error err;
};

static void inflate(struct reading *reading, const char *bytes, size_t count)
{
	ZSTD_inBuffer in = { .src = bytes, .size = count };
	static char block[ZSTDSTATE_BLOCK];
	ZSTD_outBuffer out;

	hash_add(&reading->in, bytes, count);
	reading->mark->in += (int64_t)count;
	do {
		out = (ZSTD_outBuffer){ .dst = block, .size = sizeof(block) };
		if (ZSTD_isError(ZSTD_decompressStream(reading->zstd, &out, &in)))
			return;
		hash_add(&reading->out, block, out.pos);
		reading->mark->out += (int64_t)out.pos;
	} while (in.pos < in.size || out.pos == out.size);
}

/* The same state, if it is known at all. */
static bool is_late_right(struct reading *reading)
{
	const struct zstdstate *state = &reading->walk->state, *late = &reading->late->state;

	for (int i = 0; i < 3; i++)
		if (late->repeats[i] != 0 && late->repeats[i] != state->repeats[i])
			return false;
	reading->late_blocks += memcmp(late->repeats, state->repeats, sizeof(late->repeats)) == 0;
	return memcmp(&late->huffman, &state->huffman, sizeof(late->huffman)) == 0 &&
	       memcmp(late->codes, state->codes, sizeof(late->codes)) == 0;
}

static void check_end(struct reading *reading, const struct blob *blob)
{
	struct pump_mark *mark = reading->mark;
	struct zstdstate *state = &reading->walk->state;

	mark->compression = COMPRESSION_ZSTD;
	mark->decoder_size = 0;
	hash_save(&reading->in, &mark->in_hash);
	hash_save(&reading->out, &mark->out_hash);
	if (reading->walk->at == ZSTDWALK_FRAME)
		reading->frame = mark->out;
	if (reading->walk->at == ZSTDWALK_BLOCK) {
		reading->blocks++;
		state->made = mark->out - reading->frame;
		reading->missing += !zstdstate_is_sound(state);
		mark->decoder_size = sizeof(*state);
		memcpy(mark->decoder, state, sizeof(*state));
	}
	if (reading->walk->at != ZSTDWALK_LAST && !goes_on(blob, mark, &reading->err))
		reading->wrong++;
}

static void check_ends(const char *name, const char *bytes, size_t count, const struct blob *blob)
{
	struct reading reading = { .walk = mem_alloc(sizeof(*reading.walk)),
				   .late = mem_alloc(sizeof(*reading.late)),
				   .zstd = ZSTD_createDStream(),
				   .mark = mem_alloc(sizeof(*reading.mark)) };
	size_t step, stops = 0;
	int late_wrong = 0;

	zstdwalk_init(reading.walk);
	zstdwalk_init(reading.late);
	hash_init(&reading.in);
	hash_init(&reading.out);
	for (size_t at = 0; at < count; at += step) {
		reading.walk->is_wanted = true;
		reading.late->is_wanted = stops++ >= 2;
		step = zstdwalk_step(reading.walk, (const unsigned char *)bytes + at, count - at);
		/* Which may walk over an end that it is not to stop at. */
		for (size_t walked = 0; walked < step;)
			walked += zstdwalk_step(reading.late,
						(const unsigned char *)bytes + at + walked,
						step - walked);
		inflate(&reading, bytes + at, step);
		if (reading.walk->at == ZSTDWALK_LOST)
			break;
		late_wrong += !is_late_right(&reading);
		check_end(&reading, blob);
	}
	check(reading.walk->at == ZSTDWALK_FRAME && reading.mark->out == blob->length,
	      "%s: walked to the end", name);
	check(reading.missing == 0 && reading.wrong == 0 && late_wrong == 0,
	      "%s: %d ends: %d without a state, %d with a wrong one (%s), %d followed late and "
	      "wrong",
	      name, reading.blocks, reading.missing, reading.wrong, reading.err.text, late_wrong);
	hash_done(&reading.in);
	hash_done(&reading.out);
	ZSTD_freeDStream(reading.zstd);
	free(reading.walk);
	free(reading.late);
	free(reading.mark);
}

static void check_way(const struct way *way, const struct content *content, size_t length)
{
	static const char skipped[] = "\x53\x2a\x4d\x18\x05\x00\x00\x00hello";
	autofree char *text = mem_alloc(length);
	autofree char *name = mem_printf("%s, %s", way->name, content->name);
	autobuf struct buf frames;
	size_t part = length / (size_t)(way->frames + 1);
	struct error err;

	content->write(text, length, (uint32_t)way->level);
	buf_init(&frames, 16 << 20);
	for (int i = 0; i < way->frames; i++) {
		add_frame(way, text + part * (size_t)i, part, &frames);
		buf_add(&frames, skipped, sizeof(skipped) - 1);
	}
	part *= (size_t)way->frames;
	add_frame(way, text + part, length - part, &frames);

	struct blob blob = { .file = file_of(frames.data, frames.length),
			     .text = file_of(text, length),
			     .size = (int64_t)frames.length,
			     .length = (int64_t)length };

	hash_digest(frames.data, frames.length, &blob.in);
	hash_digest(text, length, &blob.out);
	check_ok(goes_on(&blob, NULL, &err), &err, "%s: as a whole", name);
	check_ends(name, frames.data, frames.length, &blob);
	close(blob.file);
	close(blob.text);
}

static void test_levels(void)
{
	static const int levels[] = { -50, -5, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 17, 19, 22 };

	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		autofree char *name = mem_printf("level %d", levels[i]);
		struct way way = { .name = name, .level = levels[i], .has_checksum = i % 2 };

		for (size_t kind = 0; kind < COUNT_OF(contents); kind++)
			check_way(&way, &contents[kind], CONTENT);
	}
}

static void test_ways(void)
{
	static const struct way ways[] = {
		{ "one segment", .level = 3, .is_sized = true, .has_checksum = true },
		{ "long", .level = 3, .window = 24, .is_long = true },
		{ "a narrow window", 5, .window = 12, .has_checksum = true, .length = SMALL },
		{ "the narrowest window", 19, .window = 10, .length = SMALL },
		{ "tiny blocks", 1, .flush = 700, .length = SMALL },
		{ "tiny blocks, level 19", 19, .flush = 1234, .length = SMALL },
		{ "whole blocks", .level = 1, .length = 2 * ZSTDSTATE_BLOCK },
		{ "frames of whole blocks", .level = 1, .frames = 2,
		  .length = 3 * ZSTDSTATE_BLOCK },
		{ "frames", .level = 3, .frames = 4 },
		{ "frames of one segment", .level = 7, .frames = 9, .is_sized = true },
		{ "frames with checksums", .level = 9, .frames = 3, .has_checksum = true },
	};

	for (size_t i = 0; i < COUNT_OF(ways); i++)
		for (size_t kind = 0; kind < COUNT_OF(contents); kind++)
			check_way(&ways[i], &contents[kind],
				  ways[i].length > 0 ? ways[i].length : CONTENT);
}

/* Goes on from a mark (NULL: from the beginning); *next becomes the oldest that it leaves. */
static bool run_to_end(const struct blob *blob, const struct pump_mark *from,
		       struct pump_mark *next, struct error *err)
{
	autofree struct pump_marks *marks = mem_alloc(sizeof(*marks));
	struct pump pump = { .source = { .fd = blob->file, .size = blob->size },
			     .to = -1,
			     .from = from,
			     .window = from ? &blob->text : NULL,
			     .marks = marks };

	if (from)
		pump.source.offset = from->in;
	if (from && lseek(blob->text, from->out - pump_window(from), SEEK_SET) < 0)
		return error_sys(err, "seek");
	if (!pump_run(&pump, err))
		return false;
	if (!digest_is_equal(&pump.in_digest, &blob->in) ||
	    !digest_is_equal(&pump.out_digest, &blob->out))
		return error_set(err, ERROR_CORRUPT, "other bytes");
	*next = marks->marks[0];
	for (size_t i = 1; i < PUMP_MARKS; i++)
		if (marks->marks[i].out > 0 && marks->marks[i].out < next->out)
			*next = marks->marks[i];
	return true;
}

/* The marks that a pump itself takes, in the first run and in those that go on. */
static void test_marks(void)
{
	static const size_t length = (size_t)6 * PUMP_MARK;
	static const struct way way = { .name = "marks", .level = 1, .has_checksum = true };
	autofree struct pump_mark *first = mem_alloc(sizeof(*first));
	autofree struct pump_mark *second = mem_alloc(sizeof(*second));
	autofree char *text = mem_alloc(length);
	autobuf struct buf frame;
	struct error err;

	write_mixture(text, length, 7);
	buf_init(&frame, 64 << 20);
	add_frame(&way, text, length, &frame);

	struct blob blob = { .file = file_of(frame.data, frame.length),
			     .text = file_of(text, length),
			     .size = (int64_t)frame.length,
			     .length = (int64_t)length };

	hash_digest(frame.data, frame.length, &blob.in);
	hash_digest(text, length, &blob.out);
	check_ok(run_to_end(&blob, NULL, first, &err), &err, "the first run");
	check(first->out >= PUMP_MARK && pump_window(first) > 0, "left a mark at %lld",
	      (long long)first->out);
	check_ok(run_to_end(&blob, first, second, &err), &err, "the second goes on");
	check(second->out >= first->out + PUMP_MARK && pump_window(second) > 0,
	      "left a mark at %lld", (long long)second->out);
	check_ok(run_to_end(&blob, second, first, &err), &err, "the third goes on");
	close(blob.file);
	close(blob.text);
}

/* What is not a state, or not the right one: an error or other digests, never a wrong layer. */
static void test_wrong_states(void)
{
	static const char empty[] = "\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00";
	autofree struct pump_mark *mark = mem_alloc(sizeof(*mark));
	struct blob blob = { .file = file_of(empty, sizeof(empty) - 1),
			     .text = file_of("", 0),
			     .size = sizeof(empty) - 1 };
	struct zstdstate state = { .made = 5, .repeats = { 1, 4, 8 }, .window = 1 };
	struct hash hash = { 0 };
	struct error err;

	hash_init(&hash);
	hash_save(&hash, &mark->in_hash);
	hash_save(&hash, &mark->out_hash);
	hash_done(&hash);
	*mark = (struct pump_mark){ .in = 6, .out = 5, .compression = COMPRESSION_ZSTD };
	mark->decoder_size = 7;
	check_error(goes_on(&blob, mark, &err), &err, ERROR_CORRUPT, "nothing to go on with",
		    "a state of another size");
	mark->decoder_size = sizeof(state);
	memcpy(mark->decoder, &state, sizeof(state));
	check_error(goes_on(&blob, mark, &err), &err, ERROR_CORRUPT, "is not there",
		    "the window is missing");
	state.made = 6;
	memcpy(mark->decoder, &state, sizeof(state));
	check_error(goes_on(&blob, mark, &err), &err, ERROR_CORRUPT, "nothing to go on with",
		    "more made than there is");
	state = (struct zstdstate){ .made = 5, .repeats = { 1, 0, 8 }, .window = 1 };
	memcpy(mark->decoder, &state, sizeof(state));
	check_error(goes_on(&blob, mark, &err), &err, ERROR_CORRUPT, "nothing to go on with",
		    "an offset is not known");
	mark->in = blob.size + 1;
	mark->decoder_size = 0;
	check_error(goes_on(&blob, mark, &err), &err, ERROR_CORRUPT, "longer than",
		    "a mark behind the end");
	close(blob.file);
	close(blob.text);
}

int main(void)
{
	test_levels();
	test_ways();
	test_marks();
	test_wrong_states();
	return tap_done();
}
