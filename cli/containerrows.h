/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONTAINERROWS_H
#define CLI_CONTAINERROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/texts.h"
#include "engine/engine.h"

/*
 * Containers as rows of `docker ps`.
 */
struct containerrows {
	bool is_all;                 /* not only the running ones */
	bool is_whole;               /* --no-trunc */
	bool has_own_sizes;          /* has_sizes, but without that of the image */
	bool has_sizes;              /* -s: what a container takes on the disk, which is slow */
	int64_t last;                /* -n, -l: only so many, the newest; 0: no limit */
	const struct texts *filters; /* checked for '='; their names are checked here */
	int64_t now;                 /* ages are counted from here */
	const char *template;        /* other cells than it names are left out; NULL: none is */
};

/* A JSON array of objects in `arena`, the newest first. */
must_check bool containerrows_make(const struct containerrows *options, struct engine *engine,
				   struct arena *arena, const struct json **rows,
				   struct error *err);

#endif
