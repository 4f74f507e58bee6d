/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_JSONMAKER_H
#define CLI_JSONMAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * Builds a JSON tree member by member. `key` is NULL in an array.
 */
struct jsonmaker {
	struct arena *arena;
	struct json *parent; /* the object or array that is added to */
};

void jsonmaker_text(const struct jsonmaker *maker, const char *key, const char *text); /* or null */
void jsonmaker_number(const struct jsonmaker *maker, const char *key, int64_t number);
void jsonmaker_bool(const struct jsonmaker *maker, const char *key, bool value);

/* A new object or array in it; what is returned adds to that. */
struct jsonmaker jsonmaker_nested(const struct jsonmaker *maker, const char *key,
				  enum json_type type);

/* A list; an empty one is null where docker has it so. */
void jsonmaker_texts(const struct jsonmaker *maker, const char *key, const char *const *texts,
		     size_t count, bool is_null_if_empty);
/* Labels, "KEY=VALUE" or "KEY", in one line as lists show them: sorted, each with its '='. */
void jsonmaker_labels(const struct jsonmaker *maker, const char *key, const struct texts *labels);
/* The same line by itself, in `arena`. */
const char *jsonmaker_labels_text(struct arena *arena, const struct texts *labels);
/* An object of "KEY=VALUE" and "KEY", whose value is "" then: {"KEY": "VALUE"}. */
void jsonmaker_pairs(const struct jsonmaker *maker, const char *key, const struct texts *pairs);
/* {"80/tcp": {}}; left out if there is none. */
void jsonmaker_set(const struct jsonmaker *maker, const char *key, const char *const *texts,
		   size_t count);

/* Prints it on one line of stdout. `what` is for errors: "the list of images"; it may have `limit`
 * bytes. */
must_check bool jsonmaker_print(const struct json *tree, size_t limit, const char *what,
				struct error *err);

#endif
