/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * JSON (RFC 8259) as a strict tree with typed getters that name the place of a mistake:
 * "recipe: Manifests[1].Lifecycle.run: expected a string, found a number".
 *
 * yajl is wrapped here and nowhere else. Comments, trailing bytes, invalid UTF-8 and NUL inside
 * text are refused; depth and the number of values are limited. A repeated key: the last one
 * counts, as Go's and Java's parsers have it.
 */

#define JSON_DEPTH_MAX  128
#define JSON_VALUES_MAX 262144

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_TEXT,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_type type;
	bool boolean;     /* JSON_BOOL */
	uint32_t index;   /* position in the parent */
	uint32_t count;   /* children of an array or object */
	const char *key;  /* member name when the parent is an object; document name at the root */
	const char *text; /* JSON_TEXT: the text; JSON_NUMBER: the number as it was written */
	const struct json *parent; /* NULL at the root */
	struct json *child;        /* first child */
	struct json *last;         /* last child */
	struct json *next;         /* next sibling */
};

/* Parses `length` bytes at `text`. `name` is what messages call the document ("recipe"). The tree
 * lives in `arena` and copies all it needs. */
must_check bool json_parse(struct arena *arena, const char *name, const char *text, size_t length,
			   const struct json **root, struct error *err);

/* The same with fewer values than JSON_VALUES_MAX: each takes memory, however short its text. */
must_check bool json_parse_at_most(struct arena *arena, const char *name, const char *text,
				   size_t length, size_t values, const struct json **root,
				   struct error *err);

/* A member of an object; NULL if `object` is NULL, no object, has no such key or holds null there.
 */
const struct json *json_get(const struct json *object, const char *key);
/* The same, letters of any case (recipes). */
const struct json *json_get_fold(const struct json *object, const char *key);

/* Getters. Missing (or null) fails in the plain form and gives `fallback` in the _or form; a wrong
 * type always fails. Texts live as long as the tree. */
must_check bool json_text(const struct json *object, const char *key, const char **value,
			  struct error *err);
must_check bool json_text_or(const struct json *object, const char *key, const char *fallback,
			     const char **value, struct error *err);
must_check bool json_bool_or(const struct json *object, const char *key, bool fallback, bool *value,
			     struct error *err);
must_check bool json_int(const struct json *object, const char *key, int64_t *value,
			 struct error *err);
must_check bool json_int_or(const struct json *object, const char *key, int64_t fallback,
			    int64_t *value, struct error *err);
/* *value is NULL when the member is missing. */
must_check bool json_object_or_null(const struct json *object, const char *key,
				    const struct json **value, struct error *err);
must_check bool json_array_or_null(const struct json *object, const char *key,
				   const struct json **value, struct error *err);
/* An array of texts as a NULL-terminated vector in `arena`; missing gives an empty vector. */
must_check bool json_text_array(struct arena *arena, const struct json *object, const char *key,
				const char ***values, size_t *count, struct error *err);

/* Reads one value that is already in hand, whatever its place. */
must_check bool json_as_text(const struct json *value, const char **text, struct error *err);
must_check bool json_as_int(const struct json *value, int64_t *number, struct error *err);

/* Fails: "PLACE: expected WANTED, found a number". */
bool json_expected(const struct json *value, const char *wanted, struct error *err);
/* Fails: "PLACE: TEXT", for mistakes only the caller can see. */
bool json_wrong(const struct json *value, struct error *err, const char *format, ...)
	printf_like(3, 4);

/* Builds trees from other formats (YAML). `parent` NULL makes a root whose key is `key`; in an
 * object a value is appended under `key`, in an array `key` is NULL. Text is copied. */
struct json *json_new(struct arena *arena, struct json *parent, const char *key,
		      enum json_type type, const char *text);

/* The same for a whole tree: a copy of `value`, which may lie in another arena. Recursion is
 * bounded by the tree's depth. */
struct json *json_copy(struct arena *arena, struct json *parent, const char *key,
		       const struct json *value);

/* The same values, whatever the order of members; null and missing are the same member. NULL equals
 * only NULL. */
bool json_is_equal(const struct json *a, const struct json *b);

#endif
