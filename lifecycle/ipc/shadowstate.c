/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/shadowstate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonout.h"

#define SIZE_LIMIT (1 << 20)

/* -- copying ------------------------------------------------------------------------------------
 */

static const char *key_in(const struct json *parent, const char *key)
{
	return parent && parent->type == JSON_OBJECT ? key : NULL;
}

static struct json *copy(struct arena *arena, struct json *parent, const char *key,
			 const struct json *value)
{
	struct json *made = json_new(arena, parent, key_in(parent, key), value->type, value->text);

	made->boolean = value->boolean;
	for (const struct json *child = value->child; child; child = child->next)
		copy(arena, made, child->key, child);
	return made;
}

static void stamp(struct arena *arena, struct json *parent, const char *key,
		  const struct json *value, int64_t now)
{
	char number[24];
	struct json *made;

	if (value->type == JSON_ARRAY) {
		made = json_new(arena, parent, key_in(parent, key), JSON_ARRAY, NULL);
		for (const struct json *child = value->child; child; child = child->next)
			stamp(arena, made, NULL, child, now);
		return;
	}
	made = json_new(arena, parent, key_in(parent, key), JSON_OBJECT, NULL);
	if (value->type == JSON_OBJECT) {
		for (const struct json *child = value->child; child; child = child->next)
			stamp(arena, made, child->key, child, now);
		return;
	}
	snprintf(number, sizeof(number), "%" PRId64, now);
	json_new(arena, made, "timestamp", JSON_NUMBER, number);
}

/* -- merging ------------------------------------------------------------------------------------
 */

static struct json *merge(struct arena *arena, struct json *parent, const char *key,
			  const struct json *old, const struct json *update, int64_t now,
			  bool is_metadata)
{
	struct json *made = json_new(arena, parent, key, JSON_OBJECT, NULL);

	for (const struct json *child = old ? old->child : NULL; child; child = child->next) {
		bool is_named = false;

		for (const struct json *other = update->child; other; other = other->next)
			is_named = is_named || strcmp(other->key, child->key) == 0;
		if (!is_named)
			copy(arena, made, child->key, child);
	}
	for (const struct json *child = update->child; child; child = child->next) {
		const struct json *before = json_get(old, child->key);

		if (child->type == JSON_NULL)
			continue;
		if (child->type == JSON_OBJECT)
			merge(arena, made, child->key,
			      before && before->type == JSON_OBJECT ? before : NULL, child, now,
			      is_metadata);
		else if (is_metadata)
			stamp(arena, made, child->key, child, now);
		else
			copy(arena, made, child->key, child);
	}
	return made;
}

const struct json *shadowstate_merge(struct arena *arena, const struct json *old,
				     const struct json *update, int64_t now, bool is_metadata)
{
	return merge(arena, NULL, NULL, old, update, now, is_metadata);
}

/* -- comparing ----------------------------------------------------------------------------------
 */

static bool is_same(const struct json *a, const struct json *b)
{
	const struct json *x, *y;

	if (a->type != b->type || a->count != b->count)
		return false;
	switch (a->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->boolean == b->boolean;
	case JSON_NUMBER:
	case JSON_TEXT:
		return strcmp(a->text, b->text) == 0;
	case JSON_ARRAY:
		for (x = a->child, y = b->child; x && y; x = x->next, y = y->next)
			if (!is_same(x, y))
				return false;
		return true;
	case JSON_OBJECT:
		break;
	}
	for (x = a->child; x; x = x->next) {
		y = json_get(b, x->key);
		if (!y || !is_same(x, y))
			return false;
	}
	return true;
}

static void add_delta(struct arena *arena, struct json *made, const struct json *desired,
		      const struct json *reported)
{
	for (const struct json *child = desired->child; child; child = child->next) {
		const struct json *other = json_get(reported, child->key);

		if (!other) {
			copy(arena, made, child->key, child);
		} else if (child->type == JSON_OBJECT && other->type == JSON_OBJECT) {
			const struct json *inner = shadowstate_delta(arena, child, other);

			if (inner)
				copy(arena, made, child->key, inner);
		} else if (!is_same(child, other)) {
			copy(arena, made, child->key, child);
		}
	}
}

const struct json *shadowstate_delta(struct arena *arena, const struct json *desired,
				     const struct json *reported)
{
	struct json *made;

	if (!desired)
		return NULL;
	made = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);
	add_delta(arena, made, desired, reported);
	return made->count ? made : NULL;
}

size_t shadowstate_depth(const struct json *value)
{
	size_t most = 0;

	if (value->type != JSON_ARRAY && value->type != JSON_OBJECT)
		return 0;
	for (const struct json *child = value->child; child; child = child->next) {
		size_t depth = shadowstate_depth(child);

		if (depth > most)
			most = depth;
	}
	return most + 1;
}

size_t shadowstate_size(const struct json *value)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, SIZE_LIMIT);
	jsonout_init(&out, &text, false);
	jsonout_json(&out, NULL, value);
	jsonout_done(&out);
	return text.length;
}
