/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IMAGEROWS_H
#define CLI_IMAGEROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/texts.h"
#include "image/store.h"

/*
 * Images as rows of a list: one for each name, one for a repository that knows an image by
 * digest alone, one for an image without any.
 */
struct imagerows {
	const char *pattern;         /* "redis", "redis:7", "redis@sha256:…", "re*"; NULL: all */
	const struct texts *filters; /* checked for '='; their names are checked here */
	bool is_whole;               /* --no-trunc: "sha256:" and 64 digits */
	/* The IDs of the images of all containers: what images share, and how many containers they
	 * have, is worked out; NULL: it is not. */
	const struct texts *users;
	int64_t now; /* ages are counted from here */
};

/* A JSON array of objects, in `arena`. Fails with ERROR_INPUT for a filter that makes no sense, or
 * ERROR_NOT_FOUND for one that names an image that is not there. */
must_check bool imagerows_make(const struct imagerows *options, const struct store *store,
			       struct arena *arena, const struct json **rows, struct error *err);

#endif
