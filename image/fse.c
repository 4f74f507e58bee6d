/* SPDX-License-Identifier: Apache-2.0 */
#include "image/fse.h"

#include <endian.h>
#include <string.h>

/* -- bits ---------------------------------------------------------------------------------------
 */

/* `width` bits (32 at most) from bit `at` on; behind the end there are zeros. */
static uint32_t bits_at(const unsigned char *bytes, size_t count, size_t at, unsigned int width)
{
	size_t first = at / 8, there = first < count ? count - first : 0;
	uint64_t word = 0;

	if (there > 0)
		memcpy(&word, bytes + first, there < sizeof(word) ? there : sizeof(word));
	return (uint32_t)(le64toh(word) >> (at % 8) & ((1ULL << width) - 1));
}

bool fse_bits_init(struct fse_bits *bits, const unsigned char *bytes, size_t count)
{
	if (count == 0 || bytes[count - 1] == 0)
		return false;
	*bits = (struct fse_bits){ .bytes = bytes, .count = count };
	bits->left = (int64_t)count * 8 - 1 - (__builtin_clz(bytes[count - 1]) - 24);
	return true;
}

uint32_t fse_bits_take(struct fse_bits *bits, unsigned int count)
{
	bits->left -= count;
	return bits->left < 0 ? 0 : bits_at(bits->bytes, bits->count, (size_t)bits->left, count);
}

/* -- descriptions -------------------------------------------------------------------------------
 */

/* How many states each symbol has; -1: one, and the rarest. */
struct counts {
	int16_t of[FSE_SYMBOLS];
	unsigned int symbols; /* described */
	int log;
};

struct description {
	const unsigned char *bytes;
	size_t count, at; /* bits */
};

static unsigned int width_of(unsigned int value)
{
	return 32 - (unsigned int)__builtin_clz(value);
}

static uint32_t take(struct description *from, unsigned int width)
{
	uint32_t value = bits_at(from->bytes, from->count, from->at, width);

	from->at += width;
	return value;
}

/* The number of states, plus 1: from 0 to left + 1, the smaller ones in a bit less. */
static uint32_t take_count(struct description *from, unsigned int left)
{
	unsigned int width = width_of(left + 1);
	uint32_t half = 1U << (width - 1), few = 2 * half - 1 - (left + 1);
	uint32_t value = take(from, width);

	if ((value & (half - 1)) < few) {
		from->at--;
		return value & (half - 1);
	}
	return value < half ? value : value - few;
}

/* Symbols without a state, after one that has none: three at a time. */
static bool skip_unused(struct description *from, struct counts *counts, unsigned int symbols)
{
	uint32_t more;

	do {
		more = take(from, 2);
		if (counts->symbols + more > symbols)
			return false;
		for (uint32_t i = 0; i < more; i++)
			counts->of[counts->symbols++] = 0;
	} while (more == 3);
	return true;
}

static bool read_counts(struct description *from, const struct fse_limits *limits,
			struct counts *counts)
{
	counts->symbols = 0;
	counts->log = (int)take(from, 4) + 5;
	if (counts->log > limits->log)
		return false;

	int left = 1 << counts->log;

	while (left > 0) {
		if (counts->symbols >= limits->symbols)
			return false;

		int states = (int)take_count(from, (unsigned int)left) - 1;

		counts->of[counts->symbols++] = (int16_t)states;
		left -= states < 0 ? 1 : states;
		if (states == 0 && !skip_unused(from, counts, limits->symbols))
			return false;
	}
	return from->at <= from->count * 8;
}

/* -- tables -------------------------------------------------------------------------------------
 */

/* The rarest have the last states; the others are strewn over what is left. */
static void place_symbols(const struct counts *counts, struct fse_table *table)
{
	unsigned int size = 1U << counts->log, step = size / 2 + size / 8 + 3;
	unsigned int end = size, at = 0;

	for (unsigned int symbol = 0; symbol < counts->symbols; symbol++)
		if (counts->of[symbol] < 0)
			table->cells[--end].symbol = (uint8_t)symbol;
	for (unsigned int symbol = 0; symbol < counts->symbols; symbol++) {
		for (int i = 0; i < counts->of[symbol]; i++) {
			table->cells[at].symbol = (uint8_t)symbol;
			do
				at = (at + step) & (size - 1);
			while (at >= end && end > 0);
		}
	}
}

static void build(const struct counts *counts, struct fse_table *table)
{
	unsigned int size = 1U << counts->log, next[FSE_SYMBOLS];

	table->log = (uint8_t)counts->log;
	place_symbols(counts, table);
	for (unsigned int symbol = 0; symbol < counts->symbols; symbol++)
		next[symbol] = counts->of[symbol] < 0 ? 1 : (unsigned int)counts->of[symbol];
	for (unsigned int i = 0; i < size; i++) {
		struct fse_cell *cell = &table->cells[i];
		unsigned int state = next[cell->symbol]++;

		cell->bits = (uint8_t)(table->log - (width_of(state) - 1));
		cell->base = (uint16_t)((state << cell->bits) - size);
	}
}

size_t fse_read(const unsigned char *bytes, size_t count, const struct fse_limits *limits,
		struct fse_table *table)
{
	struct description from = { .bytes = bytes, .count = count };
	struct counts counts;

	if (!read_counts(&from, limits, &counts))
		return 0;
	if (table)
		build(&counts, table);
	return (from.at + 7) / 8;
}

void fse_repeat(struct fse_table *table, uint8_t symbol)
{
	table->log = 0;
	table->cells[0] = (struct fse_cell){ .symbol = symbol };
}
