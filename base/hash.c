/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by OpenSSL's plain functions: EVP hides the state of a hash, and a pull that goes on
 * after a reboot needs it. Nor do these need the rest of libcrypto, which is ready only after it
 * has taken 700 KiB.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static_assert(sizeof(SHA256_CTX) == HASH_STATE_SIZE, "a hash's state is OpenSSL's");

/* These fail only when memory is out. */

void hash_init(struct hash *hash)
{
	hash->context = mem_alloc(sizeof(SHA256_CTX));
	int done = SHA256_Init(hash->context);
	assert(done == 1);
}

void hash_add(struct hash *hash, const void *bytes, size_t count)
{
	int done = SHA256_Update(hash->context, bytes, count);
	assert(done == 1);
}

void hash_save(const struct hash *hash, struct hash_state *state)
{
	memcpy(state->bytes, hash->context, sizeof(state->bytes));
}

void hash_load(struct hash *hash, const struct hash_state *state)
{
	memcpy(hash->context, state->bytes, sizeof(state->bytes));
	/* It may come from a file: no more bytes wait than there is room for. */
	SHA256_CTX *context = hash->context;

	context->num %= SHA256_CBLOCK;
	context->md_len = SHA256_DIGEST_LENGTH;
}

static void digest_from_bytes(const unsigned char bytes[HASH_SIZE], struct digest *digest)
{
	char hex[2 * HASH_SIZE + 1];
	struct error err;

	hash_hex(bytes, HASH_SIZE, hex);
	bool is_digest = digest_parse_hex(digest, hex, &err);
	assert(is_digest);
}

void hash_finish(struct hash *hash, struct digest *digest)
{
	unsigned char bytes[HASH_SIZE];

	int done = SHA256_Final(bytes, hash->context);
	assert(done == 1);
	done = SHA256_Init(hash->context);
	assert(done == 1);
	digest_from_bytes(bytes, digest);
}

void hash_done(struct hash *hash)
{
	free(hash->context);
	hash->context = NULL;
}

void hash_sha256(const void *bytes, size_t count, unsigned char out[HASH_SIZE])
{
	SHA256_CTX context;

	int done = SHA256_Init(&context) && SHA256_Update(&context, bytes, count) &&
		   SHA256_Final(out, &context);
	assert(done == 1);
}

void hash_digest(const void *bytes, size_t count, struct digest *digest)
{
	unsigned char hashed[HASH_SIZE];

	hash_sha256(bytes, count, hashed);
	digest_from_bytes(hashed, digest);
}

/* The hash of the key, masked, and of what follows it. */
static void hash_keyed(const unsigned char key[SHA256_CBLOCK], unsigned char mask,
		       const void *bytes, size_t count, unsigned char out[HASH_SIZE])
{
	unsigned char masked[SHA256_CBLOCK];
	SHA256_CTX context;

	for (size_t i = 0; i < sizeof(masked); i++)
		masked[i] = key[i] ^ mask;

	int done = SHA256_Init(&context) && SHA256_Update(&context, masked, sizeof(masked)) &&
		   SHA256_Update(&context, bytes, count) && SHA256_Final(out, &context);
	assert(done == 1);
	explicit_bzero(masked, sizeof(masked));
}

/* RFC 2104. */
void hash_hmac(const void *key, size_t key_length, const void *bytes, size_t count,
	       unsigned char out[HASH_SIZE])
{
	unsigned char block[SHA256_CBLOCK] = { 0 }, inner[HASH_SIZE];

	if (key_length > sizeof(block))
		hash_sha256(key, key_length, block);
	else if (key_length > 0)
		memcpy(block, key, key_length);
	hash_keyed(block, 0x36, bytes, count, inner);
	hash_keyed(block, 0x5c, inner, sizeof(inner), out);
	explicit_bzero(block, sizeof(block));
}

void hash_hex(const unsigned char *bytes, size_t count, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * count] = '\0';
}
