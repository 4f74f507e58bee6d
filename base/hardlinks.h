/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HARDLINKS_H
#define BASE_HARDLINKS_H

#include <stddef.h>
#include <sys/stat.h>

/*
 * Files with more than one name, as they go into an archive: under the first name the file itself,
 * under the others links to that. A stranger's tree may have millions of them, so they are found by
 * a hash.
 */

struct hardlink;

struct hardlinks { /* zeroed: none */
	struct hardlink *slots;
	unsigned bits; /* of the number of slots */
	size_t count;
};

/* The name by which the file was asked for first, owned by `links`; NULL: that is now, and `path`
 * is kept. */
const char *hardlinks_first(struct hardlinks *links, const struct stat *info, const char *path);

void hardlinks_done(struct hardlinks *links);

#endif
