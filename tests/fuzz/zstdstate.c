/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a zstd stream: walked at one go and in steps, they give the same states, which make
 * dictionaries of the size that there is room for. The input: a byte that says how long the steps
 * are, one that says from which stop on states are wanted, then the stream.
 */
#include "image/zstdstate.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* To the next stop, at most `most` bytes at once. */
static size_t walk_on(struct zstdwalk *walk, const unsigned char *bytes, size_t count, size_t most)
{
	size_t used = 0;

	do {
		size_t given = most < count - used ? most : count - used;
		size_t step = zstdwalk_step(walk, bytes + used, given);

		assert(step > 0 && step <= given);
		used += step;
	} while (walk->at == ZSTDWALK_INSIDE && used < count);
	return used;
}

static void check_state(const struct zstdstate *state)
{
	unsigned char dictionary[ZSTDSTATE_DICTIONARY], header[ZSTDSTATE_HEADER];

	assert(zstdstate_window(state) >= 1024);
	assert(zstdstate_dictionary(state, dictionary) <= sizeof(dictionary));
	assert(zstdstate_header(state, header) == sizeof(header));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	autofree struct zstdwalk *whole = mem_alloc(sizeof(*whole));
	autofree struct zstdwalk *steps = mem_alloc(sizeof(*steps));
	unsigned int stops = 0;

	if (size < 2)
		return 0;
	zstdwalk_init(whole);
	zstdwalk_init(steps);
	for (size_t at = 2; at < size;) {
		whole->is_wanted = steps->is_wanted = stops++ >= data[1];

		size_t used = walk_on(whole, data + at, size - at, size);
		size_t same = walk_on(steps, data + at, size - at, data[0] + 1U);

		assert(whole->at == steps->at);
		if (whole->at == ZSTDWALK_LOST)
			break;
		assert(used == same);
		assert(memcmp(&whole->state, &steps->state, sizeof(whole->state)) == 0);
		if (whole->at == ZSTDWALK_BLOCK)
			check_state(&whole->state);
		at += used;
	}
	return 0;
}
