/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>

#include "base/digest.h"

/*
 * SHA-256 by OpenSSL, and HMAC-SHA-256. A library of its own (basehash): programs that do not
 * hash do not load OpenSSL; those that do nothing else with it have its SHA-256 linked in
 * (basehash_alone).
 */

#define HASH_SIZE 32

struct hash {
	void *context; /* SHA256_CTX; NULL is empty */
};

/* A hash half way, to go on with another day, on this machine. */
#define HASH_STATE_SIZE 112

struct hash_state {
	unsigned char bytes[HASH_STATE_SIZE];
};

void hash_init(struct hash *hash);
void hash_add(struct hash *hash, const void *bytes, size_t count);
/* The digest of all that was added; the hash starts afresh. */
void hash_finish(struct hash *hash, struct digest *digest);
void hash_done(struct hash *hash);
void hash_save(const struct hash *hash, struct hash_state *state);
void hash_load(struct hash *hash,
	       const struct hash_state *state); /* into one that is initialised */

void hash_digest(const void *bytes, size_t count, struct digest *digest);
void hash_sha256(const void *bytes, size_t count, unsigned char out[HASH_SIZE]);
void hash_hmac(const void *key, size_t key_length, const void *bytes, size_t count,
	       unsigned char out[HASH_SIZE]);
void hash_hex(const unsigned char *bytes, size_t count, char *hex); /* 2 × count + 1 chars */

#endif
