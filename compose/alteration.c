/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/alteration.h"

#include <string.h>

#include "compose/tree.h"

static size_t depth_of(const struct json *value)
{
	size_t depth = 0;

	for (; value->parent; value = value->parent)
		depth++;
	return depth;
}

bool alteration_read(struct arena *arena, const struct yaml_tagged *tagged,
		     struct alteration **list, struct error *err)
{
	*list = NULL;
	for (; tagged; tagged = tagged->next) {
		struct alteration *alteration = arena_alloc(arena, sizeof(*alteration));
		size_t depth = depth_of(tagged->value);

		*alteration = (struct alteration){ .depth = depth,
						   .is_reset = tagged->is_reset,
						   .next = *list };
		alteration->keys = arena_array(arena, depth + 1, sizeof(*alteration->keys));
		for (const struct json *at = tagged->value; at->parent; at = at->parent) {
			if (at->parent->type != JSON_OBJECT || strcmp(at->key, "<<") == 0)
				return json_wrong(tagged->value, err,
						  "!reset and !override are not supported in "
						  "lists and below <<");
			alteration->keys[--depth] = at->key;
		}
		*list = alteration;
	}
	return true;
}

static void take(const char *const *keys, size_t depth, struct json *from)
{
	struct json *parent = from, *found = NULL;

	for (size_t i = 0; i < depth; i++) {
		parent = i ? found : from;
		found = tree_find(parent, keys[i]);
		if (!found)
			return;
	}
	if (found)
		tree_remove(parent, found);
}

void alteration_of_own(const struct alteration *list, struct json *document)
{
	for (; list; list = list->next) {
		if (list->is_reset)
			take(list->keys, list->depth, document);
	}
}

void alteration_of_base(const struct alteration *list, struct json *base)
{
	for (; list; list = list->next)
		take(list->keys, list->depth, base);
}

void alteration_of_service(const struct alteration *list, const char *name, struct json *base)
{
	for (; list; list = list->next) {
		if (list->depth > 2 && strcmp(list->keys[0], "services") == 0 &&
		    strcmp(list->keys[1], name) == 0)
			take(list->keys + 2, list->depth - 2, base);
	}
}
