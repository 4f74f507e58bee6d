/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WORDS_H
#define ENGINE_WORDS_H

#include "base/mem.h"

/* A name for a container that was given none: "adjective_surname", and a digit from the second
 * attempt on. Lives in `arena`. */
const char *words_name(struct arena *arena, unsigned int first, unsigned int second, int attempt);

#endif
