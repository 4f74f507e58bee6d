/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PUMP_H
#define IMAGE_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/hash.h"
#include "image/allowance.h"
#include "image/ring.h"

/*
 * Reads a blob to its very end, decompresses it, writes what comes out, and hashes both sides: the
 * two digests are all that an image promises about a layer. Runs in a process of its own that can
 * do nothing but read, write and compute.
 */

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD,
	COMPRESSION_XZ,
	COMPRESSION_BZIP2,
};

/* What the first bytes say. Media types and file names are only hints, these are facts. */
enum compression compression_sniff(const void *bytes, size_t count);
#define COMPRESSION_SNIFF 6 /* bytes that are enough */

/*
 * Where a pump stands, so that another can go on there after a reboot: all that was read has been
 * written. Taken every PUMP_MARK bytes where the decompressor's state is known: ISA-L shows it, of
 * zstd it can be read off the stream (zstdstate.h), none has none. zlib keeps it to itself: such a
 * layer begins anew.
 */
#define PUMP_MARK    (4LL << 20)
#define PUMP_DECODER (96 << 10) /* ISA-L's state has 87 KiB */
#define PUMP_MARKS   3

struct pump_mark {
	int64_t in, out; /* out 0: none */
	struct hash_state in_hash, out_hash;
	enum compression compression;
	uint32_t decoder_size; /* 0: a fresh one */
	char decoder[PUMP_DECODER];
};

/* How many bytes of output in front of the mark the decompressor has to be given again, by
 * pump.window. */
int64_t pump_window(const struct pump_mark *mark);

/* In memory that the pump and its reader share. The pump overwrites the oldest; it is never further
 * ahead of its reader than a ring and a block are long, so the two before it stand still. */
struct pump_marks {
	struct pump_mark marks[PUMP_MARKS];
	unsigned int next; /* the pump's own */
};

struct pump_source {
	int fd;
	int64_t offset; /* where to read, for a file others read too; -1: just read on */
	int64_t size;   /* bytes to read, no more and no less; -1: to the end, whatever there is */
	const void *prefix; /* what was already taken from fd, to sniff */
	size_t prefix_length;
};

struct pump {
	struct pump_source source;
	int to;                            /* -1: nowhere, just hash */
	struct ring *ring;                 /* in place of `to`; NULL: none */
	bool is_plain;                     /* pass everything on as it is, whatever it looks like */
	const int *copy;                   /* a file that gets what is read, too; NULL: none */
	const struct allowance *allowance; /* of memory; NULL: takes what it needs */
	int64_t ratio;                     /* 0: LIMIT_UNPACK_RATIO */
	int64_t in, out;
	struct digest in_digest, out_digest;
	struct pump_marks *marks;     /* NULL: nobody wants any */
	const struct pump_mark *from; /* where to go on; NULL: at the beginning */
	const int *window;            /* gives what pump_window asks for; NULL: nobody does */
	int64_t skip;                 /* bytes of output to hash but not to pass on */
	bool is_cut_off;              /* the reader of `to` went away: its own error says why */

	/* private */
	char *buffer;
	size_t block;        /* bytes to read at once */
	unsigned char *room; /* see pump_room; the ring's, or our own */
	unsigned char *own;
	int64_t marked; /* where the last mark is */
	struct hash in_hash, out_hash;
};

/* Fills in `in`, `out` and the digests. */
must_check bool pump_run(struct pump *pump, struct error *err);

/* For decompressors: the next bytes of the source (*count is 0 at its end). */
must_check bool pump_read(struct pump *pump, unsigned char **bytes, size_t *count,
			  struct error *err);

/* pump_read in two parts, for who wants a mark in the middle of what was read: to get the bytes,
 * and to count them, some at a time, but all before the next are got. */
must_check bool pump_get(struct pump *pump, unsigned char **bytes, size_t *count,
			 struct error *err);
void pump_count(struct pump *pump, const void *bytes, size_t count);

/* And where to put what they make of them: PUMP_ROOM bytes, the same until some were made. What is
 * made there is not copied on its way to the reader. */
must_check bool pump_room(struct pump *pump, unsigned char **room, struct error *err);
must_check bool pump_made(struct pump *pump, size_t count, struct error *err);
#define PUMP_ROOM RING_BLOCK

/* It is time for a mark. */
bool pump_is_due(const struct pump *pump);
/* All that was counted has been written: a good place for a mark, if it is time for one. */
void pump_note(struct pump *pump, enum compression compression, const void *decoder, size_t size);

/* The decompressors: the source to its end. gzip: every member. zstd: every frame. */
must_check bool pump_gzip(struct pump *pump, struct error *err);
must_check bool pump_zstd(struct pump *pump, struct error *err);
must_check bool pump_xz(struct pump *pump, struct error *err);
must_check bool pump_bzip2(struct pump *pump, struct error *err);

#define PUMP_BLOCK (256 << 10) /* ISA-L is fast only when it gets so much at once */

#endif
