/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/jsonmaker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonout.h"

void jsonmaker_text(const struct jsonmaker *maker, const char *key, const char *text)
{
	(void)json_new(maker->arena, maker->parent, key, text ? JSON_TEXT : JSON_NULL, text);
}

void jsonmaker_number(const struct jsonmaker *maker, const char *key, int64_t number)
{
	(void)json_new(maker->arena, maker->parent, key, JSON_NUMBER,
		       arena_printf(maker->arena, "%lld", (long long)number));
}

void jsonmaker_bool(const struct jsonmaker *maker, const char *key, bool value)
{
	json_new(maker->arena, maker->parent, key, JSON_BOOL, NULL)->boolean = value;
}

struct jsonmaker jsonmaker_nested(const struct jsonmaker *maker, const char *key,
				  enum json_type type)
{
	return (struct jsonmaker){ maker->arena,
				   json_new(maker->arena, maker->parent, key, type, NULL) };
}

void jsonmaker_texts(const struct jsonmaker *maker, const char *key, const char *const *texts,
		     size_t count, bool is_null_if_empty)
{
	if (count == 0 && is_null_if_empty) {
		jsonmaker_text(maker, key, NULL);
		return;
	}
	struct jsonmaker list = jsonmaker_nested(maker, key, JSON_ARRAY);

	for (size_t i = 0; i < count; i++)
		jsonmaker_text(&list, NULL, texts[i]);
}

void jsonmaker_set(const struct jsonmaker *maker, const char *key, const char *const *texts,
		   size_t count)
{
	if (count == 0)
		return;
	struct jsonmaker set = jsonmaker_nested(maker, key, JSON_OBJECT);

	for (size_t i = 0; i < count; i++)
		(void)jsonmaker_nested(&set, texts[i], JSON_OBJECT);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *jsonmaker_labels_text(struct arena *arena, const struct texts *labels)
{
	const char **pairs = arena_array(arena, labels->count + 1, sizeof(*pairs));
	const char *line = "";

	for (size_t i = 0; i < labels->count; i++)
		pairs[i] = strchr(labels->items[i], '=')
				   ? labels->items[i]
				   : arena_printf(arena, "%s=", labels->items[i]);
	qsort(pairs, labels->count, sizeof(*pairs), compare);
	for (size_t i = 0; i < labels->count; i++)
		line = arena_printf(arena, "%s%s%s", line, i ? "," : "", pairs[i]);
	return line;
}

void jsonmaker_labels(const struct jsonmaker *maker, const char *key, const struct texts *labels)
{
	jsonmaker_text(maker, key, jsonmaker_labels_text(maker->arena, labels));
}

void jsonmaker_pairs(const struct jsonmaker *maker, const char *key, const struct texts *pairs)
{
	struct jsonmaker map = jsonmaker_nested(maker, key, JSON_OBJECT);

	for (size_t i = 0; i < pairs->count; i++) {
		const char *pair = pairs->items[i];
		size_t length = strcspn(pair, "=");

		jsonmaker_text(&map, arena_strndup(maker->arena, pair, length),
			       pair[length] ? pair + length + 1 : "");
	}
}

bool jsonmaker_print(const struct json *tree, size_t limit, const char *what, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, limit);
	jsonout_init(&out, &text, false);
	jsonout_json(&out, NULL, tree);
	jsonout_done(&out);
	return buf_check(&text, what, err) &&
	       (puts(text.data) >= 0 || error_sys(err, "write %s", what));
}
