/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_TREE_H
#define ENGINE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * A container's files, seen from outside: docker cp, export, diff. Of a container that runs they
 * are what its processes see; one that does not run is mounted for us alone, in a mount namespace
 * that ends with this process. Names inside are a stranger's: they are resolved below the root
 * only, and walked by descriptors, never following a link.
 */

enum tree_view {
	TREE_ROOT,    /* the root file system alone: export */
	TREE_VOLUMES, /* with what is mounted in it: cp */
};

/* *root is the root directory. Call it before threads or children: the process may change its mount
 * namespace. Of one that does not run, *lock keeps others from starting it; -1 otherwise. */
must_check bool tree_open(struct engine *engine, const struct container *container,
			  enum tree_view view, int *root, int *lock, struct error *err);

/* Why nothing may be written to `name` in the directory `dir` of the container, in docker's words;
 * NULL: it may. A tmpfs of a container with a read-only root is writable, as to the container
 * itself. */
const char *tree_refusal(const struct container *container, int root, int dir, const char *name);

/* Writes everything in the directory `from` as a tar archive to `to`; what is called PREFIX/x in it
 * is x here ("": no prefix). Sockets are left out, and what is mounted inside if `is_one_mount`. */
struct tree_archive {
	int from, to;
	const char *prefix;
	bool is_one_mount;
};
must_check bool tree_write(const struct tree_archive *archive, struct error *err);
/* The same for the one file `name` in `from`, which is called `prefix` in the archive. */
must_check bool tree_write_one(const struct tree_archive *archive, const char *name,
			       struct error *err);

/* Copies the file or tree `from_name` in the directory `from` to `to_name` in `to`: directories are
 * merged, other things replaced. */
struct tree_copy {
	int from, to;
	const char *from_name, *to_name;
	bool is_from_callers,
		is_to_callers; /* that side goes by the caller's rights: base/caller.h */
	bool keeps_owner;      /* else: `uid` and `gid` */
	uid_t uid;
	gid_t gid;
};
must_check bool tree_copy(const struct tree_copy *copy, struct error *err);

/* Bytes of the files below the directory; of what cannot be looked at: 0. */
int64_t tree_size(const char *directory);

/* Files and directories that are made in every container at its start, to mount on, as in docker's
 * own layer for that; without a slash in front; NULL-terminated. */
extern const char *const tree_ours[];

/* Is shown each change of the image's files, in the order of their names: 'A' (added), 'C'
 * (changed) or 'D' (deleted), and the path without a slash in front. */
typedef void tree_put_change(void *context, char kind, const char *path);
must_check bool tree_diff(const struct engine *engine, const struct container *container,
			  tree_put_change *put, void *context, struct error *err);

#endif
