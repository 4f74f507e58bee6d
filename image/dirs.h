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
	char *path; /* by which it was made, below the layer's root */
	struct timespec mtime;
	bool has_mtime;
	bool is_implied; /* no entry of its own: looks as it does in the layers below */
	bool is_opaque;  /* hides the layers below */
};

struct dirs {
	struct dir *slots; /* open addressing; an empty slot has no path */
	size_t room, count;
	size_t bytes; /* of memory, with what is forgotten */
};

/* The directory just made, or met again; what is remembered of one that had this inode is forgotten
 * if `is_fresh`. Fails beyond LIMIT_LAYER_DIRECTORIES. The pointer is valid until the next call. */
must_check bool dirs_put(struct dirs *dirs, ino_t inode, const char *path, bool is_fresh,
			 struct dir **dir, struct error *err);
struct dir *dirs_find(const struct dirs *dirs, ino_t inode); /* NULL if unknown */
void dirs_done(struct dirs *dirs);

#endif
