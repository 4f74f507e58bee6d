/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_TREE_H
#define COMPOSE_TREE_H

#include <stdbool.h>

#include "base/json.h"

/*
 * Changing a tree of base/json in place: compose files are normalised and merged before anything is
 * read from them. What is taken out stays in the arena.
 */

/* A member of an object, also one that holds null; NULL if there is none. */
struct json *tree_find(const struct json *object, const char *key);

/* A deep copy below `parent` (NULL: a root), under `key` where the parent is an object. */
struct json *tree_copy(struct arena *arena, struct json *parent, const char *key,
		       const struct json *from);

/* The member `key`, made anew or emptied and given another type and text. */
struct json *tree_put(struct arena *arena, struct json *object, const char *key,
		      enum json_type type, const char *text);
struct json *tree_put_text(struct arena *arena, struct json *object, const char *key,
			   const char *text);
struct json *tree_put_bool(struct arena *arena, struct json *object, const char *key, bool value);
/* One more element of an array. */
struct json *tree_add_text(struct arena *arena, struct json *array, const char *text);

/* `node` keeps its place and key, and gets the value of `from`, which is given up. */
void tree_become(struct json *node, struct json *from);
/* Another type, without children. */
void tree_reset(struct json *node, enum json_type type, const char *text);
void tree_remove(struct json *parent, const struct json *child);

/* Members in the order of their keys, here only. */
void tree_sort(struct json *object);
bool tree_is_equal(const struct json *a, const struct json *b);

/* The text of a text or number; "true" and "false"; NULL for all else. */
const char *tree_scalar(const struct json *value);
const char *tree_text(const struct json *object, const char *key); /* of a member */
/* A truth as YAML 1.1 and compose write it; false where there is none. */
bool tree_bool(const struct json *object, const char *key);

#endif
