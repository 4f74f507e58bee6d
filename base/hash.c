/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mem.h"

/* EVP calls on a fixed, built-in algorithm fail only when memory is out. */

void hash_init(struct hash *hash)
{
	hash->context = EVP_MD_CTX_new();
	assert(hash->context);
	int done = EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL);
	assert(done == 1);
}

void hash_add(struct hash *hash, const void *bytes, size_t count)
{
	int done = EVP_DigestUpdate(hash->context, bytes, count);
	assert(done == 1);
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

	int done = EVP_DigestFinal_ex(hash->context, bytes, NULL);
	assert(done == 1);
	done = EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL);
	assert(done == 1);
	digest_from_bytes(bytes, digest);
}

void hash_done(struct hash *hash)
{
	EVP_MD_CTX_free(hash->context);
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
