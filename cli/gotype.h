/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GOTYPE_H
#define CLI_GOTYPE_H

#include <stdbool.h>

#include "base/json.h"
#include "base/mem.h"

/*
 * What a template of `inspect` sees that the JSON does not show: docker's templates work on Go's
 * structures (types.ContainerJSON and below), which have every member, also those that JSON leaves
 * out when they are empty.
 */

/* The empty value of such a member; NULL if there is none of that name. Lives in `arena`. */
const struct json *gotype_empty(struct arena *arena, const struct json *object, const char *key);

/* What a null of the JSON is in Go: JSON_ARRAY for a slice, JSON_OBJECT for a map, which are empty
 * and print as "[]" and "map[]"; JSON_NULL for all else. */
enum json_type gotype_of_null(const struct json *value);

/* What the field that Go calls so is called in JSON, where that differs: "ID" is "Id". NULL: no
 * other. */
const char *gotype_json_name(const char *field);

/* Whether an object is a map in Go, in which a key that is missing is no mistake. */
bool gotype_is_map(const struct json *object);
/* The members of all maps in a tree by their keys, as Go writes them. */
void gotype_sort_maps(struct json *value);

/* What such a map has for it, which prints as "<no value>"; lives in `arena`. */
const struct json *gotype_no_value(struct arena *arena);
bool gotype_is_no_value(const struct json *value);
/* The text of a null. */
const char *gotype_nil_text(const struct json *value);

/* Whether a number is a time.Duration, which prints as "1m30s" and is nanoseconds in JSON. */
bool gotype_is_duration(const struct json *value);

/* What Go calls the type of such an object of `info` or `version`; NULL: not known. */
const char *gotype_name(const struct json *object);

#endif
