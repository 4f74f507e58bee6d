/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>

#include "base/error.h"

/*
 * A content digest as text, "sha256:" and 64 lower-case hex digits (image-spec, descriptor.md). No
 * hashing here, so that programs which only name content need no crypto library: see base/hash.h.
 */

#define DIGEST_HEX_LENGTH  64
#define DIGEST_TEXT_LENGTH 71

struct digest {
	char text[DIGEST_TEXT_LENGTH + 1]; /* "sha256:9c0…"; "" is empty */
};

/* Anything else (other algorithm, upper case, wrong length, "../") fails with ERROR_INPUT. */
must_check bool digest_parse(struct digest *digest, const char *text, struct error *err);
/* From the bare 64 hex digits. */
must_check bool digest_parse_hex(struct digest *digest, const char *hex, struct error *err);
/* The hex part: safe as a file name. */
const char *digest_hex(const struct digest *digest);
bool digest_is_equal(const struct digest *a, const struct digest *b);
bool digest_is_empty(const struct digest *digest);

#endif
