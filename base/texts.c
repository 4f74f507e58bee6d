/* SPDX-License-Identifier: Apache-2.0 */
#include "base/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAPACITY 8

/* The array grows at powers of two, so its capacity need not be stored. */
static bool is_full(size_t count)
{
	size_t used = count + 1; /* with the NULL at the end */

	return used >= FIRST_CAPACITY && (used & (used - 1)) == 0;
}

void texts_add(struct texts *texts, const char *text)
{
	if (!texts->items)
		texts->items = mem_array(FIRST_CAPACITY, sizeof(*texts->items));
	else if (is_full(texts->count))
		texts->items =
			mem_resize(texts->items, (texts->count + 1) * 2, sizeof(*texts->items));
	texts->items[texts->count++] = text;
	texts->items[texts->count] = NULL;
}

void texts_add_all(struct texts *texts, const char *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		texts_add(texts, items[i]);
}

void texts_add_in(struct texts *texts, struct arena *arena, const char *text)
{
	const char **items = arena_array(arena, texts->count + 2, sizeof(*items));

	if (texts->count)
		memcpy(items, texts->items, texts->count * sizeof(*items));
	items[texts->count++] = text;
	texts->items = items;
}

bool texts_has(const struct texts *texts, const char *text)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (strcmp(texts->items[i], text) == 0)
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void texts_sort(struct texts *texts)
{
	if (texts->count > 1)
		qsort(texts->items, texts->count, sizeof(*texts->items), compare);
}

const char *texts_join(const struct texts *texts, struct arena *arena, const char *separator)
{
	size_t length = 1;

	for (size_t i = 0; i < texts->count; i++)
		length += strlen(texts->items[i]) + strlen(separator);

	char *joined = arena_alloc(arena, length), *end = joined;

	*end = '\0';
	for (size_t i = 0; i < texts->count; i++) {
		end = stpcpy(end, i ? separator : "");
		end = stpcpy(end, texts->items[i]);
	}
	return joined;
}

void texts_done(struct texts *texts)
{
	free(texts->items);
	*texts = (struct texts){ 0 };
}
