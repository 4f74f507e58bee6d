/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEXTWIDTH_H
#define CLI_TEXTWIDTH_H

#include <stddef.h>

#include "base/mem.h"

/*
 * How much room UTF-8 takes on a terminal, as docker's tables count it: two places for a wide
 * character (East Asian Wide and Fullwidth of UAX #11), one for any other.
 */
size_t textwidth_of(const char *text, size_t length);

/* The text, or as much of it as leaves room for "…" in `most` places (at least 2). Lives in
 * `arena`, or is `text`. */
const char *textwidth_cut(struct arena *arena, const char *text, size_t most) must_check;

#endif
