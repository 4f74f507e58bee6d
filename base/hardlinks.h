/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HARDLINKS_H
#define BASE_HARDLINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

/*
 * Files with more than one name, as they go into an archive: under the first name the file itself,
 * under the others links to that. A stranger's tree may have millions of them, so they are found by
 * a hash.
 */

#define HARDLINKS_TEXT_MAX (64 << 20) /* bytes of all their first names */

struct hardlink;

struct hardlinks { /* zeroed: none */
	struct hardlink *slots;
	unsigned bits; /* of the number of slots */
	size_t count;
	size_t text; /* bytes of names */
};

/* *first: the name by which the file was asked for first, owned by `links`; NULL: that is now, and
 * `path` is kept. Fails when the names kept would take more than HARDLINKS_TEXT_MAX. */
must_check bool hardlinks_first(struct hardlinks *links, const struct stat *info, const char *path,
				const char **first, struct error *err);

void hardlinks_done(struct hardlinks *links);

#endif
