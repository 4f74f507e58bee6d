/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATEFUNC_H
#define CLI_TEMPLATEFUNC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * The functions that templates may call. Values are JSON trees in an arena; NULL is never passed, a
 * JSON null is.
 */
enum templatefunc_ends {
	TEMPLATEFUNC_ENDS_NOT,
	TEMPLATEFUNC_ENDS_FALSE, /* the first argument that is false is the result: "and" */
	TEMPLATEFUNC_ENDS_TRUE,
};

struct templatefunc {
	const char *name;
	size_t least, most; /* arguments */
	bool (*call)(struct arena *arena, const struct json *const *args, size_t count,
		     const struct json **result, struct error *err);
	enum templatefunc_ends ends;
	bool keeps_headings; /* in docker's tables: the first argument is the result */
};

/* NULL if there is none. */
const struct templatefunc *templatefunc_find(const char *name);

#endif
