/* SPDX-License-Identifier: Apache-2.0 */
/* EVP hides the state of a hash, and a pull that goes on after a reboot needs it. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
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
	int done = EVP_Digest(bytes, count, out, NULL, EVP_sha256(), NULL);
	assert(done == 1);
}

void hash_digest(const void *bytes, size_t count, struct digest *digest)
{
	unsigned char hashed[HASH_SIZE];

	hash_sha256(bytes, count, hashed);
	digest_from_bytes(hashed, digest);
}

void hash_hmac(const void *key, size_t key_length, const void *bytes, size_t count,
	       unsigned char out[HASH_SIZE])
{
	unsigned int length = HASH_SIZE;
	const unsigned char *done =
		HMAC(EVP_sha256(), key, (int)key_length, bytes, count, out, &length);
	assert(done && length == HASH_SIZE);
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
