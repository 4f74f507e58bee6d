/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ident.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

#define FNV_OFFSET   14695981039346656037ULL /* FNV-1a, 64 bits */
#define FNV_PRIME    1099511628211ULL
#define CHUNK_DIGITS 16

const char *ident_random(struct arena *arena)
{
	unsigned char bytes[IDENT_LENGTH / 2] = { 0 };
	char *hex = arena_alloc(arena, IDENT_LENGTH + 1);

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		bytes[0] = 1; /* cannot happen for so few bytes */
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return hex;
}

static uint64_t add_text(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
	} while (*text++); /* the NUL too: "ab","c" is not "a","bc" */
	return hash;
}

void ident_derive(const char *first, const char *second, char *hex, size_t digits)
{
	uint64_t hash = add_text(add_text(FNV_OFFSET, first), second);

	for (size_t at = 0; at < digits; at += CHUNK_DIGITS) {
		size_t room = digits - at + 1;

		/* The last bytes of the text have reached few of the bits yet. */
		hash = (hash ^ hash >> 29) * FNV_PRIME;
		hash = (hash ^ hash >> 32) * FNV_PRIME;
		snprintf(hex + at, room, "%016llx", (unsigned long long)hash);
	}
}
