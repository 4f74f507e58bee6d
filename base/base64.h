/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/*
 * Base64 (RFC 4648, section 4).
 */

/* The caller frees it. */
char *base64_encode(const void *bytes, size_t count) must_check;

/* True if base64_decode would take it. */
bool base64_is_valid(const char *text);
bool base64_is_valid_n(const char *text, size_t length);

/* Strict but for the padding, which may be missing. *bytes (the caller frees it) has a NUL behind
 * its *count bytes. */
must_check bool base64_decode(const char *text, char **bytes, size_t *count);

#endif
