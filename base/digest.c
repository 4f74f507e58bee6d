/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <stddef.h>
#include <string.h>

#define PREFIX "sha256:"

static bool is_hex_digest(const char *hex)
{
	return strspn(hex, "0123456789abcdef") == DIGEST_HEX_LENGTH &&
	       hex[DIGEST_HEX_LENGTH] == '\0';
}

bool digest_parse_hex(struct digest *digest, const char *hex, struct error *err)
{
	if (!is_hex_digest(hex))
		return error_set(err, ERROR_INPUT,
				 "invalid digest \"%.80s\": not 64 lower-case hex digits", hex);
	memcpy(digest->text, PREFIX, strlen(PREFIX));
	memcpy(digest->text + strlen(PREFIX), hex, DIGEST_HEX_LENGTH + 1);
	return true;
}

bool digest_parse(struct digest *digest, const char *text, struct error *err)
{
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0 || !is_hex_digest(text + strlen(PREFIX)))
		return error_set(
			err, ERROR_INPUT,
			"invalid digest \"%.80s\": not sha256: and 64 lower-case hex digits", text);
	memcpy(digest->text, text, DIGEST_TEXT_LENGTH + 1);
	return true;
}

const char *digest_hex(const struct digest *digest)
{
	return digest->text[0] ? digest->text + strlen(PREFIX) : digest->text;
}

bool digest_is_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

bool digest_is_empty(const struct digest *digest)
{
	return digest->text[0] == '\0';
}
