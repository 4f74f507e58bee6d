/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stdbool.h>

/*
 * What a word is.
 */

/* One of the words of a NULL-terminated list? */
bool word_is_in(const char *word, const char *const *list);
/* Does it begin with `start`? */
bool word_begins(const char *word, const char *start);
/* Decimal digits, at least one, and nothing else? How many there may be is the caller's. */
bool word_is_digits(const char *word);
/* A truth value as Go's strconv.ParseBool takes it ("1", "t", "True", …)? Then *value is that one.
 */
bool word_is_bool(const char *word, bool *value);

#endif
