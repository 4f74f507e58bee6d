/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_SHELLWORDS_H
#define COMPOSE_SHELLWORDS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * A command line in one text, cut into words as a shell would: blanks, quotes, backslashes; nothing
 * else has a meaning. The words live in `arena`.
 */
must_check bool shellwords_split(struct arena *arena, const char *text, struct texts *words,
				 struct error *err);

#endif
