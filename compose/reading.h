/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_READING_H
#define COMPOSE_READING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/texts.h"
#include "compose/variables.h"

/*
 * From files to one normalised tree: YAML, variables, normal forms, `extends`, `include`, merged in
 * the order of the files, and of the documents in one.
 */
#define READING_FILE_MAX  (4 << 20)
#define READING_DEPTH_MAX 16 /* of files that extend or include files */
#define READING_FILES_MAX 64 /* and further documents in them, all together */

struct reading {
	struct arena *arena;
	const char *directory;               /* the project's: relative paths start here */
	const struct variables *environment; /* for ${…}; NULL: they are left as they are */
	struct variable *name;               /* COMPOSE_PROJECT_NAME of `environment`: becomes what
					      * the files say; NULL: they do not count */
	struct texts *unset;                 /* variables that had no value */
	bool takes_format1;                  /* else it is refused, as 2 does */
	bool has_format1;                    /* found so far */
	size_t file_count;                   /* read so far */
};

/* `files` are absolute paths; "-" is standard input. */
must_check bool reading_files(struct reading *reading, const struct texts *files,
			      struct json **document, struct error *err);

/* One document that is in hand already; for tests. `name` is what messages call it. */
must_check bool reading_text(struct reading *reading, const char *name, const char *text,
			     size_t length, struct json **document, struct error *err);

#endif
