/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct json *tree_find(const struct json *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (struct json *member = object->child; member; member = member->next) {
		if (strcmp(member->key, key) == 0)
			return member;
	}
	return NULL;
}

struct json *tree_copy(struct arena *arena, struct json *parent, const char *key,
		       const struct json *from)
{
	struct json *node = json_new(arena, parent, key, from->type, NULL);

	node->boolean = from->boolean;
	node->text = from->text; /* trees that are merged live in one arena */
	for (const struct json *child = from->child; child; child = child->next)
		tree_copy(arena, node, from->type == JSON_OBJECT ? child->key : NULL, child);
	return node;
}

void tree_reset(struct json *node, enum json_type type, const char *text)
{
	node->type = type;
	node->text = text;
	node->boolean = false;
	node->child = node->last = NULL;
	node->count = 0;
}

struct json *tree_put(struct arena *arena, struct json *object, const char *key,
		      enum json_type type, const char *text)
{
	struct json *member = tree_find(object, key);

	if (!member)
		return json_new(arena, object, key, type, text);
	tree_reset(member, type, arena_strdup(arena, text));
	return member;
}

struct json *tree_put_text(struct arena *arena, struct json *object, const char *key,
			   const char *text)
{
	return tree_put(arena, object, key, JSON_TEXT, text);
}

struct json *tree_put_bool(struct arena *arena, struct json *object, const char *key, bool value)
{
	struct json *member = tree_put(arena, object, key, JSON_BOOL, NULL);

	member->boolean = value;
	return member;
}

struct json *tree_add_text(struct arena *arena, struct json *array, const char *text)
{
	return json_new(arena, array, NULL, JSON_TEXT, text);
}

void tree_become(struct json *node, struct json *from)
{
	node->type = from->type;
	node->boolean = from->boolean;
	node->text = from->text;
	node->count = from->count;
	node->child = from->child;
	node->last = from->last;
	for (struct json *child = node->child; child; child = child->next)
		child->parent = node;
}

void tree_remove(struct json *parent, const struct json *child)
{
	struct json **link = &parent->child;
	struct json *before = NULL;

	while (*link && *link != child) {
		before = *link;
		link = &before->next;
	}
	if (!*link)
		return;
	*link = child->next;
	if (parent->last == child)
		parent->last = before;
	parent->count--;
}

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *one = a, *const *other = b;

	return strcmp((*one)->key, (*other)->key);
}

void tree_sort(struct json *object)
{
	if (object->count < 2)
		return;

	autofree struct json **members = mem_array(object->count, sizeof(*members));
	size_t count = 0;

	for (struct json *member = object->child; member; member = member->next)
		members[count++] = member;
	qsort(members, count, sizeof(struct json *), compare_keys);
	for (size_t i = 0; i < count; i++)
		members[i]->next = i + 1 < count ? members[i + 1] : NULL;
	object->child = members[0];
	object->last = members[count - 1];
}

static bool has_equal_text(const struct json *a, const struct json *b)
{
	return (!a->text && !b->text) || (a->text && b->text && strcmp(a->text, b->text) == 0);
}

bool tree_is_equal(const struct json *a, const struct json *b)
{
	if (a->type != b->type || a->boolean != b->boolean || a->count != b->count ||
	    !has_equal_text(a, b))
		return false;

	const struct json *other = b->child;

	for (const struct json *child = a->child; child; child = child->next) {
		const struct json *peer = a->type == JSON_OBJECT ? tree_find(b, child->key) : other;

		if (!peer || !tree_is_equal(child, peer))
			return false;
		other = other ? other->next : NULL;
	}
	return true;
}

const char *tree_scalar(const struct json *value)
{
	if (!value)
		return NULL;
	if (value->type == JSON_BOOL)
		return value->boolean ? "true" : "false";
	return value->type == JSON_TEXT || value->type == JSON_NUMBER ? value->text : NULL;
}

const char *tree_text(const struct json *object, const char *key)
{
	return tree_scalar(json_get(object, key));
}

bool tree_bool(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_BOOL && value->boolean;
}
