/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */

/* Length of the sequence that `text` begins with, of which `left` bytes (at least 1) are there; 0
 * if it is not valid. */
size_t utf8_length(const char *text, size_t left);

/* The character of a valid sequence of `length` bytes (utf8_length). */
uint32_t utf8_decode(const char *text, size_t length);

/* Bytes in front of the first invalid one; `length` if all are valid. */
size_t utf8_valid_length(const char *text, size_t length);

#endif
