/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/selection.h"

#include <string.h>

#include "base/word.h"

static bool has_selectors(const struct selection *selection, const struct json *object)
{
	for (const struct json *member = object->child; member; member = member->next)
		if (strcmp(member->key, "all") == 0 ||
		    word_is_in(member->key, selection->selectors))
			return true;
	return false;
}

static const struct json *select_member(const struct selection *selection,
					const struct json *object)
{
	for (const char *const *name = selection->chosen; *name; name++) {
		const struct json *member = json_get(object, *name);

		if (member)
			return member;
	}
	return json_get(object, "all");
}

/* Goes down through selectors to the value they stand for. */
static const struct json *settle(const struct selection *selection, const struct json *value)
{
	while (value && value->type == JSON_OBJECT && has_selectors(selection, value))
		value = select_member(selection, value);
	return value;
}

/* `value` is settled. Recursion is bounded by the tree's depth. */
static struct json *copy(const struct selection *selection, struct arena *arena,
			 struct json *parent, const char *key, const struct json *value)
{
	struct json *node = json_new(arena, parent, key, value->type, value->text);

	node->boolean = value->boolean;
	for (const struct json *child = value->child; child; child = child->next) {
		const struct json *settled = settle(selection, child);

		if (settled)
			copy(selection, arena, node, value->type == JSON_OBJECT ? child->key : NULL,
			     settled);
	}
	return node;
}

const struct json *selection_apply(const struct selection *selection, struct arena *arena,
				   const struct json *lifecycle)
{
	const struct json *settled = settle(selection, lifecycle);

	return settled ? copy(selection, arena, NULL, "Lifecycle", settled) : NULL;
}
