/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: of each compressed block, the descriptions of its tables are copied as they
 * stand. Its sequences are followed only where the state is wanted: their offsets say what the
 * three repeated ones are. As long as the offsets were not followed they are unknown, and become
 * known one by one as new ones come; so a few blocks may pass before a state is whole.
 */
#include "image/zstdstate.h"

#include <endian.h>
#include <string.h>

enum part {
	PART_MAGIC,
	PART_SKIPPED_SIZE,
	PART_SKIPPED,
	PART_DESCRIPTOR,
	PART_HEADER,
	PART_BLOCK_HEADER,
	PART_BLOCK,
	PART_CHECKSUM,
};

enum {
	BLOCK_RAW,
	BLOCK_RLE,
	BLOCK_COMPRESSED,
};

#define MAGIC            0xfd2fb528U
#define MAGIC_SKIPPED    0x184d2a50U /* and the 15 after it */
#define MAGIC_DICTIONARY 0xec30a437U
#define SINGLE_SEGMENT   0x20
#define RESERVED         0x08
#define CHECKSUM         0x04

/* -- sequences ----------------------------------------------------------------------------------
 */

static const struct fse_limits limits[ZSTDSTATE_CODES] = { { 36, 9 }, { 32, 8 }, { 53, 9 } };

/* The tables of blocks that describe none, as descriptions (section 3.1.1.3.2.2). */
static const struct zstdstate_table predefined[ZSTDSTATE_CODES] = {
	{ 20, { 0x51, 0x10, 0x63, 0x8c, 0x31, 0xc6, 0x18, 0x63, 0x0c, 0x21,
		0xc4, 0x18, 0x63, 0x66, 0x66, 0x86, 0x46, 0x92, 0x04, 0x00 } },
	{ 14,
	  { 0x20, 0x84, 0x10, 0x42, 0x66, 0x46, 0x44, 0x44, 0x44, 0x44, 0x24, 0x49, 0x02, 0x00 } },
	{ 29, { 0x21, 0x14, 0xc4, 0x18, 0x63, 0x8c, 0x21, 0x84, 0x10, 0x42,
		0x08, 0x21, 0x84, 0x10, 0x42, 0x08, 0x21, 0x44, 0x44, 0x44,
		0x44, 0x44, 0x44, 0x44, 0x44, 0x24, 0x09, 0x00, 0x00 } },
};

/* Two symbols of one bit each: nobody needs it, but a dictionary must have one. */
static const struct zstdstate_table no_huffman = { 2, { 0x80, 0x10 } };

/* Bits that follow a length's code (section 3.1.1.3.2.1.1). */
static unsigned int literals_bits(unsigned int code)
{
	static const uint8_t bits[] = { 1, 1, 1, 1, 2, 2, 3, 3, 4 };

	if (code < 16)
		return 0;
	return code < 25 ? bits[code - 16] : code - 19;
}

static unsigned int matches_bits(unsigned int code)
{
	static const uint8_t bits[] = { 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5 };

	if (code < 32)
		return 0;
	return code < 43 ? bits[code - 32] : code - 36;
}

/* Section 3.1.1.5. `value`: 1 to 3 repeat an offset, others are one, plus 3. */
static bool note_offset(uint32_t repeats[3], uint64_t value, bool has_literals)
{
	uint64_t offset;

	if (value > 3) {
		offset = value - 3;
	} else {
		uint64_t which = value - 1 + (has_literals ? 0 : 1);

		if (which == 0)
			return true;
		if (which == 3 && repeats[0] == 1)
			return false;
		offset = which < 3 ? repeats[which] : repeats[0] - (repeats[0] > 0);
		if (which == 1)
			repeats[1] = repeats[2]; /* which is moved back, now */
	}
	repeats[2] = repeats[1];
	repeats[1] = repeats[0];
	repeats[0] = (uint32_t)offset;
	return true;
}

/* The table that is in use. */
static void load_table(struct zstdwalk *walk, enum zstdstate_code code)
{
	const struct zstdstate_table *table = &walk->state.codes[code];

	if (walk->is_rle[code])
		fse_repeat(&walk->tables[code], walk->rle[code]);
	else
		(void)fse_read(table->bytes, table->length, &limits[code], &walk->tables[code]);
}

struct sequences {
	struct fse_bits bits;
	const struct fse_cell *cells[ZSTDSTATE_CODES];
};

static void next_cell(struct zstdwalk *walk, struct sequences *from, enum zstdstate_code code)
{
	const struct fse_cell *cell = from->cells[code];

	from->cells[code] =
		&walk->tables[code].cells[cell->base + fse_bits_take(&from->bits, cell->bits)];
}

static bool follow(struct zstdwalk *walk, const unsigned char *bytes, size_t count,
		   unsigned int sequences)
{
	struct sequences from;

	if (!fse_bits_init(&from.bits, bytes, count))
		return false;
	for (int code = 0; code < ZSTDSTATE_CODES; code++) {
		load_table(walk, code);
		from.cells[code] =
			&walk->tables[code]
				 .cells[fse_bits_take(&from.bits, walk->tables[code].log)];
	}
	for (unsigned int i = 0; i < sequences && from.bits.left >= 0; i++) {
		unsigned int literals = from.cells[ZSTDSTATE_LITERALS]->symbol;
		unsigned int offset = from.cells[ZSTDSTATE_OFFSETS]->symbol;
		unsigned int match = from.cells[ZSTDSTATE_MATCHES]->symbol;
		uint64_t value = (1ULL << offset) + fse_bits_take(&from.bits, offset);

		fse_bits_take(&from.bits, matches_bits(match));
		fse_bits_take(&from.bits, literals_bits(literals));
		if (!note_offset(walk->state.repeats, value, literals > 0))
			return false;
		if (i + 1 == sequences)
			break;
		next_cell(walk, &from, ZSTDSTATE_LITERALS);
		next_cell(walk, &from, ZSTDSTATE_MATCHES);
		next_cell(walk, &from, ZSTDSTATE_OFFSETS);
	}
	return from.bits.left == 0;
}

/* -- a compressed block -------------------------------------------------------------------------
 */

struct span {
	const unsigned char *bytes;
	size_t count;
};

static bool skip(struct span *span, size_t count)
{
	if (count > span->count)
		return false;
	span->bytes += count;
	span->count -= count;
	return true;
}

static bool set_table(struct zstdstate_table *table, const struct span *from, size_t length)
{
	if (length == 0 || length > from->count || length > sizeof(table->bytes))
		return false;
	table->length = (uint8_t)length;
	memcpy(table->bytes, from->bytes, length);
	return true;
}

static bool note_huffman(struct zstdwalk *walk, const struct span *literals)
{
	size_t first = literals->count > 0 ? literals->bytes[0] : 0;

	return set_table(&walk->state.huffman, literals,
			 1 + (first < 128 ? first : (first - 127 + 1) / 2));
}

/* Section 3.1.1.3.1: their bytes are skipped. */
static bool walk_literals(struct zstdwalk *walk, struct span *block)
{
	enum {
		RAW,
		RLE,
		COMPRESSED,
		TREELESS
	};
	uint64_t head = 0;

	if (block->count == 0)
		return false;
	memcpy(&head, block->bytes, block->count < sizeof(head) ? block->count : sizeof(head));
	head = le64toh(head);

	unsigned int type = head & 3, format = head >> 2 & 3;

	if (type == RAW || type == RLE) {
		static const struct {
			uint8_t header, shift, bits;
		} formats[] = { { 1, 3, 5 }, { 2, 4, 12 }, { 1, 3, 5 }, { 3, 4, 20 } };
		size_t size = head >> formats[format].shift & ((1U << formats[format].bits) - 1);

		return skip(block, formats[format].header) && skip(block, type == RLE ? 1 : size);
	}

	static const struct {
		uint8_t header, bits;
	} formats[] = { { 3, 10 }, { 3, 10 }, { 4, 14 }, { 5, 18 } };
	unsigned int bits = formats[format].bits;
	size_t size = head >> (4 + bits) & ((1U << bits) - 1);
	struct span literals;

	if (!skip(block, formats[format].header))
		return false;
	literals = (struct span){ block->bytes, size };
	if (!skip(block, size))
		return false;
	return type == TREELESS ? walk->state.huffman.length > 0 : note_huffman(walk, &literals);
}

static bool note_table(struct zstdwalk *walk, enum zstdstate_code code, unsigned int mode,
		       struct span *block)
{
	enum {
		PREDEFINED,
		RLE,
		DESCRIBED,
		REPEATED
	};
	struct zstdstate_table *table = &walk->state.codes[code];

	if (mode == REPEATED)
		return table->length > 0 || walk->is_rle[code];
	walk->is_rle[code] = mode == RLE;
	if (mode == PREDEFINED) {
		*table = predefined[code];
		return true;
	}
	if (mode == DESCRIBED) {
		size_t length = fse_read(block->bytes, block->count, &limits[code], NULL);

		return set_table(table, block, length) && skip(block, length);
	}
	table->length = 0;
	if (block->count == 0 || block->bytes[0] >= limits[code].symbols)
		return false;
	walk->rle[code] = block->bytes[0];
	return skip(block, 1);
}

/* How many there are: in one byte, two, or three. */
static bool read_count(struct span *block, unsigned int *count)
{
	const unsigned char *b = block->bytes;

	if (block->count == 0)
		return false;
	*count = b[0];
	if (b[0] < 128)
		return skip(block, 1);
	if (block->count < 3)
		return false;
	if (b[0] < 255) {
		*count = (b[0] - 128U) << 8 | b[1];
		return *count > 0 && skip(block, 2);
	}
	*count = (b[1] | (unsigned int)b[2] << 8) + 0x7f00;
	return skip(block, 3);
}

/* So few are always followed: after them may come nothing but blocks without any, as of a file that
 * does not compress. */
#define FEW_SEQUENCES 512

/* Section 3.1.1.3.2. */
static bool walk_sequences(struct zstdwalk *walk, struct span *block)
{
	unsigned int count, modes;

	if (!read_count(block, &count))
		return false;
	if (count == 0)
		return block->count == 0;
	if (block->count == 0)
		return false;
	modes = block->bytes[0];
	if (!skip(block, 1))
		return false;
	for (int code = 0; code < ZSTDSTATE_CODES; code++)
		if (!note_table(walk, code, modes >> (6 - 2 * code) & 3, block))
			return false;
	if (walk->is_wanted || count <= FEW_SEQUENCES)
		return follow(walk, block->bytes, block->count, count);
	memset(walk->state.repeats, 0, sizeof(walk->state.repeats));
	return true;
}

/* -- frames -------------------------------------------------------------------------------------
 */

static uint32_t number(const unsigned char *bytes, size_t count)
{
	uint32_t word = 0;

	memcpy(&word, bytes, count);
	return le32toh(word);
}

static void expect(struct zstdwalk *walk, enum part part, uint64_t bytes, bool is_kept)
{
	walk->part = part;
	walk->need = bytes;
	walk->have = 0;
	walk->is_kept = is_kept;
}

static void begin_frame(struct zstdwalk *walk)
{
	expect(walk, PART_MAGIC, 4, true);
}

static int64_t window_of(unsigned int descriptor)
{
	int64_t base = 1LL << (10 + (descriptor >> 3));

	return base + base / 8 * (descriptor & 7);
}

static bool see_magic(struct zstdwalk *walk)
{
	uint32_t magic = number(walk->seen, 4);

	if ((magic & ~15U) == MAGIC_SKIPPED)
		expect(walk, PART_SKIPPED_SIZE, 4, true);
	else
		expect(walk, PART_DESCRIPTOR, 1, true);
	return walk->part == PART_SKIPPED_SIZE || magic == MAGIC;
}

static size_t content_size_bytes(unsigned int descriptor)
{
	static const uint8_t bytes[] = { 0, 2, 4, 8 };

	if (descriptor < 64 && (descriptor & SINGLE_SEGMENT))
		return 1;
	return bytes[descriptor >> 6];
}

static size_t dictionary_bytes(unsigned int descriptor)
{
	return (descriptor & 3) == 3 ? 4 : descriptor & 3;
}

static bool see_descriptor(struct zstdwalk *walk)
{
	walk->descriptor = walk->seen[0];
	expect(walk, PART_HEADER,
	       (walk->descriptor & SINGLE_SEGMENT ? 0 : 1) + dictionary_bytes(walk->descriptor) +
		       content_size_bytes(walk->descriptor),
	       true);
	return !(walk->descriptor & RESERVED);
}

/* A frame that is its own window: the smallest that there is for its content. */
static bool see_single_segment(struct zstdwalk *walk)
{
	size_t width = content_size_bytes(walk->descriptor);
	const unsigned char *bytes = walk->seen + dictionary_bytes(walk->descriptor);
	uint64_t size = number(bytes, width < 4 ? width : 4) + (width == 2 ? 256 : 0);
	unsigned int window = 0;

	if (width == 8 && number(bytes + 4, 4) != 0)
		return false; /* too wide for anybody */
	while (window < 255 && (uint64_t)window_of(window) < size)
		window++;
	walk->state.window = (uint8_t)window;
	return true;
}

static bool see_header(struct zstdwalk *walk)
{
	walk->state = (struct zstdstate){ .repeats = { 1, 4, 8 },
					  .window = walk->seen[0],
					  .has_checksum = (walk->descriptor & CHECKSUM) != 0 };
	memset(walk->is_rle, 0, sizeof(walk->is_rle));
	expect(walk, PART_BLOCK_HEADER, 3, true);
	return !(walk->descriptor & SINGLE_SEGMENT) || see_single_segment(walk);
}

static bool see_block_header(struct zstdwalk *walk)
{
	uint32_t header = number(walk->seen, 3), size = header >> 3;

	walk->is_last = header & 1;
	walk->block_type = header >> 1 & 3;
	if (walk->block_type > BLOCK_COMPRESSED || size > ZSTDSTATE_BLOCK)
		return false;
	expect(walk, PART_BLOCK, walk->block_type == BLOCK_RLE ? 1 : size,
	       walk->block_type == BLOCK_COMPRESSED);
	return true;
}

static void end_frame(struct zstdwalk *walk)
{
	walk->at = ZSTDWALK_FRAME;
	begin_frame(walk);
}

static bool see_block(struct zstdwalk *walk)
{
	struct span block = { walk->seen, walk->have };

	if (walk->block_type == BLOCK_COMPRESSED &&
	    (!walk_literals(walk, &block) || !walk_sequences(walk, &block)))
		return false;
	if (!walk->is_last) {
		walk->at = walk->is_wanted ? ZSTDWALK_BLOCK : ZSTDWALK_INSIDE;
		expect(walk, PART_BLOCK_HEADER, 3, true);
	} else if (walk->state.has_checksum) {
		walk->at = ZSTDWALK_LAST;
		expect(walk, PART_CHECKSUM, 4, false);
	} else {
		end_frame(walk);
	}
	return true;
}

/* All of a part is there. */
static bool see(struct zstdwalk *walk)
{
	switch ((enum part)walk->part) {
	case PART_MAGIC:
		return see_magic(walk);
	case PART_SKIPPED_SIZE:
		expect(walk, PART_SKIPPED, number(walk->seen, 4), false);
		return true;
	case PART_DESCRIPTOR:
		return see_descriptor(walk);
	case PART_HEADER:
		return see_header(walk);
	case PART_BLOCK_HEADER:
		return see_block_header(walk);
	case PART_BLOCK:
		return see_block(walk);
	case PART_SKIPPED:
	case PART_CHECKSUM:
		end_frame(walk);
		return true;
	}
	return false;
}

void zstdwalk_init(struct zstdwalk *walk)
{
	/* All but the bytes, whose pages cost memory only once a block needs them. */
	memset(walk, 0, offsetof(struct zstdwalk, bytes));
	walk->at = ZSTDWALK_FRAME;
	begin_frame(walk);
}

void zstdwalk_go_on(struct zstdwalk *walk, const struct zstdstate *state)
{
	zstdwalk_init(walk);
	walk->state = *state;
	walk->at = ZSTDWALK_BLOCK;
	expect(walk, PART_BLOCK_HEADER, 3, true);
}

size_t zstdwalk_step(struct zstdwalk *walk, const unsigned char *bytes, size_t count)
{
	size_t used = 0;

	if (walk->at == ZSTDWALK_LOST)
		return count;
	walk->at = ZSTDWALK_INSIDE;
	while (walk->at == ZSTDWALK_INSIDE) {
		uint64_t missing = walk->need - walk->have;
		size_t step = missing < count - used ? (size_t)missing : count - used;

		/* What is there as a whole is looked at where it is. */
		walk->seen = step == walk->need ? bytes + used : walk->bytes;
		if (walk->is_kept && walk->seen == walk->bytes && step > 0)
			memcpy(walk->bytes + walk->have, bytes + used, step);
		walk->have += step;
		used += step;
		if (walk->have < walk->need)
			break;
		if (!see(walk))
			walk->at = ZSTDWALK_LOST;
	}
	return walk->at == ZSTDWALK_LOST ? count : used;
}

bool zstdwalk_is_checksum(const struct zstdwalk *walk)
{
	return walk->at != ZSTDWALK_LOST && walk->part == PART_CHECKSUM;
}

/* -- the state ----------------------------------------------------------------------------------
 */

int64_t zstdstate_window(const struct zstdstate *state)
{
	return window_of(state->window);
}

bool zstdstate_is_sound(const struct zstdstate *state)
{
	for (int i = 0; i < 3; i++)
		if (state->repeats[i] == 0 || state->repeats[i] > zstdstate_window(state))
			return false;
	for (int code = 0; code < ZSTDSTATE_CODES; code++)
		if (state->codes[code].length > ZSTDSTATE_TABLE)
			return false;
	return state->made > 0 && state->huffman.length <= ZSTDSTATE_TABLE;
}

struct writer {
	unsigned char *to;
	size_t length;
};

static void put_number(struct writer *writer, uint32_t value)
{
	uint32_t word = htole32(value);

	memcpy(writer->to + writer->length, &word, sizeof(word));
	writer->length += sizeof(word);
}

/* A table that the frame does not need can be any. */
static void put_table(struct writer *writer, const struct zstdstate_table *table,
		      const struct zstdstate_table *otherwise)
{
	if (table->length == 0)
		table = otherwise;
	memcpy(writer->to + writer->length, table->bytes, table->length);
	writer->length += table->length;
}

size_t zstdstate_dictionary(const struct zstdstate *state, unsigned char to[ZSTDSTATE_DICTIONARY])
{
	static const enum zstdstate_code order[] = { ZSTDSTATE_OFFSETS, ZSTDSTATE_MATCHES,
						     ZSTDSTATE_LITERALS };
	struct writer writer = { .to = to };

	put_number(&writer, MAGIC_DICTIONARY);
	put_number(&writer, 1); /* its number: no frame asks for it */
	put_table(&writer, &state->huffman, &no_huffman);
	for (int i = 0; i < ZSTDSTATE_CODES; i++)
		put_table(&writer, &state->codes[order[i]], &predefined[order[i]]);
	for (int i = 0; i < 3; i++)
		put_number(&writer, state->repeats[i]);
	return writer.length;
}

size_t zstdstate_header(const struct zstdstate *state, unsigned char to[ZSTDSTATE_HEADER])
{
	struct writer writer = { .to = to };

	put_number(&writer, MAGIC);
	to[4] = 0;
	to[5] = state->window;
	return ZSTDSTATE_HEADER;
}
