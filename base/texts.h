/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TEXTS_H
#define BASE_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/*
 * A growing list of texts, NULL-terminated so that it can be an argument vector. The list owns its
 * array, never the texts. Zero-initialised is empty.
 */
struct texts {
	const char **items; /* NULL while empty */
	size_t count;
};

#define autotexts __attribute__((cleanup(texts_done)))

void texts_add(struct texts *texts, const char *text);
void texts_add_all(struct texts *texts, const char *const *items, size_t count);
/* To a list whose array lives in the arena: nothing to be done with it, ever. */
void texts_add_in(struct texts *texts, struct arena *arena, const char *text);
bool texts_has(const struct texts *texts, const char *text);
/* By their bytes. */
void texts_sort(struct texts *texts);
/* All of them in one text. */
const char *texts_join(const struct texts *texts, struct arena *arena, const char *separator);
void texts_done(struct texts *texts);

#endif
