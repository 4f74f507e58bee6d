/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_FSE_H
#define IMAGE_FSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finite state entropy, the code that zstd writes its sequences in (RFC 8878, section 4.1): as much
 * of it as it takes to follow them. Total: whatever the bytes, nothing outside of them is read.
 */

#define FSE_LOG_MAX 9  /* states of zstd's tables: 512 at most */
#define FSE_SYMBOLS 53 /* zstd's have fewer or as many */

struct fse_cell {
	uint8_t symbol;
	uint8_t bits; /* that the next state takes */
	uint16_t base;
};

struct fse_table {
	uint8_t log;
	struct fse_cell cells[1 << FSE_LOG_MAX];
};

/* What a table may be: the codes there are, and the states (section 3.1.1.3.2.1). */
struct fse_limits {
	uint8_t symbols, log;
};

/* How many of the bytes are a table's description (section 4.1.1), 0 if they are none; `table`
 * becomes what it describes. NULL: nobody wants it. */
size_t fse_read(const unsigned char *bytes, size_t count, const struct fse_limits *limits,
		struct fse_table *table);

/* One symbol for ever. */
void fse_repeat(struct fse_table *table, uint8_t symbol);

/* Bits from the last to the first, behind a 1 that ends them (section 4.1). */
struct fse_bits {
	const unsigned char *bytes;
	size_t count;
	int64_t left; /* below 0: more was taken than there is, and was 0 */
};

/* False: the 1 is missing. */
bool fse_bits_init(struct fse_bits *bits, const unsigned char *bytes, size_t count);
uint32_t fse_bits_take(struct fse_bits *bits, unsigned int count); /* 32 at most */

#endif
