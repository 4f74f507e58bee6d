/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_IDENT_H
#define ENGINE_IDENT_H

#include <stddef.h>

#include "base/mem.h"

/*
 * Identifiers as docker has them: 64 lower-case hexadecimal digits.
 */
#define IDENT_LENGTH 64

/* A fresh one, in `arena`. */
const char *ident_random(struct arena *arena);

/* The same digits for the same two texts: no secret, and no defence against who wants a collision.
 * `hex` has room for `digits` and a NUL. */
void ident_derive(const char *first, const char *second, char *hex, size_t digits);

#endif
