/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_INTERPOLATE_H
#define LIFECYCLE_INTERPOLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/*
 * Recipe variables: {artifacts:path}, {configuration:/pointer} and friends, and the same of a
 * direct dependency as {NAME:artifacts:path}. What cannot be resolved stays as it was written:
 * shell and templates are full of braces, and recipes test for it. Values are put in as they are,
 * without quoting, and are not looked at again.
 */

#define INTERPOLATE_TEXT_MAX (256 * 1024)

struct interpolate_component {
	const char *name;
	const char *version;
	const struct json *configuration; /* NULL: none */
};

struct interpolate_scope {
	const char *root;       /* the nucleus' root directory, absolute */
	const char *thing_name; /* NULL: not known */
	const struct interpolate_component *self;
	const struct interpolate_component *dependencies; /* the direct ones */
	size_t dependency_count;
	/* Told of each variable of ours that cannot be resolved, as it is written. NULL: nobody
	 * wants to know. */
	void (*on_unresolved)(void *context, const char *variable);
	void *context;
};

must_check bool interpolate(const struct interpolate_scope *scope, struct arena *arena,
			    const char *text, const char **result, struct error *err);

/* The paths the variables stand for, in `arena`. */
const char *interpolate_artifacts(struct arena *arena, const char *root, const char *name,
				  const char *version) must_check;
const char *interpolate_unarchived(struct arena *arena, const char *root, const char *name,
				   const char *version) must_check;
const char *interpolate_work(struct arena *arena, const char *root, const char *name) must_check;

#endif
