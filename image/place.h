/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PLACE_H
#define IMAGE_PLACE_H

#include <stdbool.h>

#include "base/error.h"
#include "image/dirs.h"
#include "image/limits.h"

/*
 * Where a name from a layer lies: below the layer's own root, whatever the name and the symlinks
 * already there say.
 */
struct place {
	int root;         /* the layer's root */
	int longest_link; /* components of the longest symlink's target */
	int link_steps;   /* what names through symlinks have cost so far, at most */
	struct dirs dirs; /* every directory of the layer */

	/* The directory of the last name: layers are sorted, so the next name is mostly there too.
	 */
	char *parent_path; /* NULL: none */
	int parent;        /* -1: none */
};

struct place_name {
	char text[LIMIT_ENTRY_PATH + 1];   /* "usr/bin/env"; "" is the root */
	const char *base;                  /* "env": the end of text */
	char parent[LIMIT_ENTRY_PATH + 1]; /* "usr/bin"; "" is the root */
};

/* Takes "/" and "." out. Refuses ".." and what is too long. */
must_check bool place_name_parse(struct place_name *name, const char *text, struct error *err);

/* `dirs`: what an earlier run knew, taken over; empty for a new layer. */
must_check bool place_init(struct place *place, int root, struct dirs *dirs, struct error *err);
void place_done(struct place *place);

/* Opens `path` below the root, through symlinks too. Beyond LIMIT_LAYER_LINK_STEPS err->sys is 0,
 * otherwise errno. */
must_check bool place_open(struct place *place, const char *path, int flags, int *fd,
			   struct error *err);

/* Of a symlink that is to be made: refuses what has more than LIMIT_LINK_COMPONENTS. */
must_check bool place_check_link(struct place *place, const char *target, struct error *err);

/* The directory that holds the name, made if it is missing. The descriptor (O_PATH) stays the
 * place's.
 */
must_check bool place_parent(struct place *place, const struct place_name *name, int *parent,
			     struct error *err);

/* Remembers a directory that was just made (`is_fresh`) or met again. */
must_check bool place_note(struct place *place, int dir, const char *path, bool is_fresh,
			   struct dir **noted, struct error *err);

/* A character device 0:0: what overlay takes for "not there". */
bool place_is_whiteout(int parent, const char *name);
/* Marked as one that hides the layers below. */
bool place_is_opaque(int dir);

#endif
