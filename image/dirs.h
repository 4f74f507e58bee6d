/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_DIRS_H
#define IMAGE_DIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"

/*
 * What must be remembered of a layer's directories until all entries are there: their times (every
 * entry made inside changes them), and the two things the layers below decide. Found by inode
 * number, since symlinks give a directory many names.
 */
struct dir {
	ino_t inode;
	struct timespec mtime;
	uint32_t path; /* see dirs_path */
	bool has_mtime;
	bool is_implied; /* no entry of its own: looks as it does in the layers below */
	bool is_opaque;  /* hides the layers below */
};

/* Dense, as there may be hundreds of thousands. */
struct dirs {
	struct dir *list; /* in the order in which they were met */
	size_t count, room;
	uint32_t *slots; /* by inode, open addressing: 1 + the place in the list; 0: empty */
	size_t slot_count;
	char *paths; /* NUL-terminated, one behind the other, with what is forgotten */
	size_t path_bytes, path_room;
	size_t bytes; /* what counts as memory, with what is forgotten */
};

/* The directory just made, or met again; what is remembered of one that had this inode is forgotten
 * if `is_fresh`. Fails beyond LIMIT_LAYER_DIRECTORIES. The pointer is valid until the next call. */
must_check bool dirs_put(struct dirs *dirs, ino_t inode, const char *path, bool is_fresh,
			 struct dir **dir, struct error *err);
struct dir *dirs_find(const struct dirs *dirs, ino_t inode); /* NULL if unknown */
/* By which it was made, below the layer's root; valid until the next dirs_put. */
const char *dirs_path(const struct dirs *dirs, const struct dir *dir);
void dirs_done(struct dirs *dirs);

#endif
