/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include "base/hash.h"
#include "tests/unit/tap.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_parse(void)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		EMPTY,
		"sha256:" EMPTY "0",
		"sha256:e3b0",
		"SHA256:" EMPTY,
		"sha512:" EMPTY,
		"sha256:E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:../../../../../../../../../../../../../../../../../../../../../../etc",
		"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		" sha256:" EMPTY,
		"sha256:" EMPTY "\n",
		"sha256: " EMPTY,
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85\n",
	};
	struct digest digest = { "" }, other = { "" };
	struct error err;

	check(digest_is_empty(&digest), "zero is empty");
	check_text(digest_hex(&digest), "", "and has no hex");
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(digest_parse(&digest, bad[i], &err), &err, ERROR_INPUT,
			    "invalid digest", "\"%s\"", bad[i]);
	check(digest_is_empty(&digest), "a refused text leaves nothing");
	check_ok(digest_parse(&digest, "sha256:" EMPTY, &err), &err, "a good one");
	check_text(digest_hex(&digest), EMPTY, "its hex");
	check_ok(digest_parse_hex(&other, EMPTY, &err), &err, "from hex");
	check(digest_is_equal(&digest, &other), "is the same");
	check_ok(digest_parse_hex(&other, ABC, &err), &err, "another");
	check(!digest_is_equal(&digest, &other), "is not");
	check_error(digest_parse_hex(&other, "sha256:" ABC, &err), &err, ERROR_INPUT,
		    "invalid digest", "no prefix where hex is wanted");
	check_error(digest_parse_hex(&other, "../etc/passwd", &err), &err, ERROR_INPUT,
		    "invalid digest", "no path");
}

static void test_hash(void)
{
	struct digest digest;
	struct hash hash;

	hash_digest("", 0, &digest);
	check_text(digest.text, "sha256:" EMPTY, "SHA-256 of nothing");
	hash_digest("abc", 3, &digest);
	check_text(digest.text, "sha256:" ABC, "SHA-256 of abc (FIPS 180-2)");

	hash_init(&hash);
	hash_add(&hash, "a", 1);
	hash_add(&hash, "", 0);
	hash_add(&hash, "bc", 2);
	hash_finish(&hash, &digest);
	check_text(digest.text, "sha256:" ABC, "in pieces");
	hash_finish(&hash, &digest);
	check_text(digest.text, "sha256:" EMPTY, "and it starts afresh");
	for (int i = 0; i < 1000000; i++)
		hash_add(&hash, "a", 1);
	hash_finish(&hash, &digest);
	check_text(digest_hex(&digest),
		   "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
		   "a million times a (FIPS 180-2)");
	hash_done(&hash);
	hash_done(&hash);
}

static void test_hmac(void)
{
	unsigned char mac[HASH_SIZE], key[131];
	char hex[2 * HASH_SIZE + 1];

	hash_hmac("Jefe", 4, "what do ya want for nothing?", 28, mac);
	hash_hex(mac, sizeof(mac), hex);
	check_text(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		   "HMAC-SHA-256 (RFC 4231, case 2)");
	memset(key, 0xaa, sizeof(key));
	hash_hmac(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54,
		  mac);
	hash_hex(mac, sizeof(mac), hex);
	check_text(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		   "a key larger than a block (RFC 4231, case 6)");
	hash_hmac("", 0, "", 0, mac);
	hash_hex(mac, sizeof(mac), hex);
	check_text(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
		   "no key and no text");
}

int main(void)
{
	test_parse();
	test_hash();
	test_hmac();
	return tap_done();
}
