/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include "base/mem.h"
#include "tap.h"

static const struct {
	const char *plain;
	const char *encoded;
} pairs[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

int main(void)
{
	static const char *const wrong[] = { "Z",    "Zg=",  "Zg===", "Zm8=Zg==",
					     "Zm8*", "Zm 8", "=",     "Zm9v=" };
	char *bytes;
	size_t count;

	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		autofree char *encoded = base64_encode(pairs[i].plain, strlen(pairs[i].plain));

		check_text(encoded, pairs[i].encoded, "encode \"%s\"", pairs[i].plain);
		if (!check(base64_decode(encoded, &bytes, &count), "decode %s", encoded))
			continue;
		check_text(bytes, pairs[i].plain, "%s decoded", encoded);
		free(bytes);
	}
	if (check(base64_decode("AP8B/w", &bytes, &count), "without padding")) {
		check_int((long long)count, 4, "bytes, not text");
		check(memcmp(bytes, "\0\xff\x01\xff", 4) == 0, "their values");
		free(bytes);
	}
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		check(!base64_decode(wrong[i], &bytes, &count), "\"%s\" is refused", wrong[i]);
	return tap_done();
}
