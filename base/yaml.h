/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/*
 * YAML into the tree that JSON gives, so that only one kind of document exists after it.
 *
 * Plain scalars become null (empty, ~, null), booleans (true, false) and numbers (as JSON writes
 * them); all else is text: 2020-01-25, 1.0.0, 0755, yes, 12:30 are what they look like. Aliases are
 * copies, bounded in number; `<<` merges. One document, whose keys are scalars; an empty one is
 * null. The tags !reset and !override are refused, as to ignore them would turn the meaning of a
 * compose file round; others say what a value is anyway.
 */

#define YAML_VALUES_MAX        65536      /* after aliases are expanded */
#define YAML_COPIED_MAX        (64 << 20) /* bytes of keys and texts that aliases stand for */
#define YAML_ANCHORS_MAX       1024
#define YAML_MERGE_MEMBERS_MAX 1024 /* in a mapping that has a `<<` */

/* As json_parse; mistakes are named with their line. */
must_check bool yaml_parse(struct arena *arena, const char *name, const char *text, size_t length,
			   const struct json **root, struct error *err);

/* A value with the tag !reset or !override. */
struct yaml_tagged {
	const struct json *value;
	bool is_reset;
	const struct yaml_tagged *next;
};

/* The same for compose files: *tagged (NULL: none) lists the values that have those tags. Such a
 * value must not be below an anchor: it would not be one in a copy. A key that stands twice in a
 * mapping is refused, or (`last_counts`) its last value counts; a mapping may merge twice. */
must_check bool yaml_parse_tagged(struct arena *arena, const char *name, const char *text,
				  size_t length, bool last_counts, const struct json **root,
				  const struct yaml_tagged **tagged, struct error *err);

#endif
