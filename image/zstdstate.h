/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ZSTDSTATE_H
#define IMAGE_ZSTDSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/fse.h"

/*
 * What a zstd decoder knows where a block ends (RFC 8878), which no library shows: four tables and
 * three offsets. Blocks are walked as they pass by; nothing is decompressed. With the state as a
 * dictionary (section 5), and the window's bytes in raw blocks, another decoder goes on.
 *
 *     frame:  header  block  block │ block …           walked, up to the │
 *     later:  dictionary, header of ours, raw blocks │ block …
 */

#define ZSTDSTATE_BLOCK (128 << 10) /* a block's largest size */
#define ZSTDSTATE_TABLE 136         /* a description's: Huffman 128, FSE less than 90 */

/* A description as the frame has it. Empty: there is none; the frame does not need it any more, or
 * it has no description (RLE). */
struct zstdstate_table {
	uint8_t length;
	unsigned char bytes[ZSTDSTATE_TABLE];
};

enum zstdstate_code {
	ZSTDSTATE_LITERALS, /* lengths of literals; in the order of a block's header */
	ZSTDSTATE_OFFSETS,
	ZSTDSTATE_MATCHES, /* lengths of matches */
	ZSTDSTATE_CODES,
};

struct zstdstate {
	int64_t made;        /* bytes by this frame so far: its decoder's user knows */
	uint32_t repeats[3]; /* offsets, the latest first; 0: not known */
	uint8_t window;      /* a frame header's Window_Descriptor */
	uint8_t has_checksum;
	struct zstdstate_table huffman, codes[ZSTDSTATE_CODES];
};

/* Bytes. */
int64_t zstdstate_window(const struct zstdstate *state);
/* Whether another decoder can be made of it; whether that is the right one shows as it decodes. */
bool zstdstate_is_sound(const struct zstdstate *state);

/* What makes a decoder go on. A dictionary: its content, which must follow, are as many bytes as
 * the window has, whatever they are. A frame's header, without checksum and size. Returns the
 * length. */
#define ZSTDSTATE_DICTIONARY 1024
size_t zstdstate_dictionary(const struct zstdstate *state, unsigned char to[ZSTDSTATE_DICTIONARY]);
#define ZSTDSTATE_HEADER 6
size_t zstdstate_header(const struct zstdstate *state, unsigned char to[ZSTDSTATE_HEADER]);

enum zstdwalk_at {
	ZSTDWALK_INSIDE,
	ZSTDWALK_BLOCK, /* its end, another follows; only if is_wanted */
	ZSTDWALK_LAST,  /* the last block's end: the checksum follows */
	ZSTDWALK_FRAME, /* its end, or that of a skippable one */
	ZSTDWALK_LOST,  /* no zstd, or none that could be gone on with: for good */
};

struct zstdwalk {
	struct zstdstate state;
	bool is_wanted; /* the user's: the state counts from the next block's end on */
	enum zstdwalk_at at;

	/* private */
	int part;            /* of a frame */
	uint64_t need, have; /* bytes of that part */
	bool is_kept;        /* they are looked at when they are all there */
	const unsigned char *seen;
	unsigned char descriptor, block_type;
	bool is_last;
	bool is_rle[ZSTDSTATE_CODES];
	uint8_t rle[ZSTDSTATE_CODES];
	struct fse_table tables[ZSTDSTATE_CODES];
	unsigned char bytes[ZSTDSTATE_BLOCK];
};

/* In front of a frame; or where the state was taken. */
void zstdwalk_init(struct zstdwalk *walk);
void zstdwalk_go_on(struct zstdwalk *walk, const struct zstdstate *state);

/* Walks to the next place where it is worth to stop: `at` says which. Returns how many bytes are in
 * front of it: some, unless count is 0. */
size_t zstdwalk_step(struct zstdwalk *walk, const unsigned char *bytes, size_t count);
/* What comes next is a frame's checksum. */
bool zstdwalk_is_checksum(const struct zstdwalk *walk);

#endif
