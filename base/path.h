/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The only door through which an untrusted name becomes a file: everything is resolved below a root
 * directory descriptor and cannot leave it, whatever symlinks say. openat2(2) where the kernel has
 * it (5.6), else a walk component by component with O_NOFOLLOW.
 */

enum path_rule {
	PATH_IN_ROOT,  /* absolute symlinks and ".." are taken relative to the root, as chroot would
			*/
	PATH_BENEATH,  /* any step that would leave the root fails with EXDEV */
	PATH_NO_LINKS, /* as PATH_BENEATH, and any symlink fails with ELOOP */
};

/* Opens `name` below `root`; `flags` and `mode` as for openat(2), O_CLOEXEC is added. Magic links
 * (/proc/PID/fd) are never followed. */
must_check bool path_open(int root, const char *name, enum path_rule rule, int flags, mode_t mode,
			  int *fd, struct error *err);

/* "/proc/self/fd/N": what is open there, for calls that take only names. Returns `path`. */
#define PATH_OF_FD_MAX (sizeof("/proc/self/fd/") + 12)
const char *path_of_fd(int fd, char path[PATH_OF_FD_MAX]);

/* Opens a regular file for reading, where a stranger may have put, or put at any moment, something
 * else: a device or fifo is never opened, as that alone can start it, or wait for ever. */
must_check bool path_open_regular(int root, const char *name, enum path_rule rule, int *fd,
				  struct error *err);

/* The same where that stranger is a container with a procfs of its own: what the kernel makes up as
 * it is read (procfs, sysfs, …) is refused with ERROR_DENIED before it is opened. Such a file
 * answers to the rights of who reads it, ours, and reading may change it: /proc/kmsg is the host's
 * log, and empties. */
must_check bool path_open_stored(int root, const char *name, enum path_rule rule, int *fd,
				 struct error *err);

/* True if the file or directory lies on a file system that the kernel makes up, as above. */
bool path_is_made_by_kernel(int fd);

/* Makes `name` and its missing parents below `root` (PATH_IN_ROOT) and opens it
 * (O_PATH|O_DIRECTORY). An existing directory keeps its mode. */
must_check bool path_make_dirs(int root, const char *name, mode_t mode, int *fd, struct error *err);

/* `name` without the links in it that lead nowhere yet: what they name is to be made, below `root`
 * like everything. The caller frees it; NULL on failure. */
char *path_past_links(int root, const char *name, struct error *err) must_check;

/* The same for a trusted path of our own, absolute or relative to the working directory. */
must_check bool path_make_own_dirs(const char *name, mode_t mode, struct error *err);

/* Opens a directory where we keep what we trust; made as above if it is missing. ERROR_DENIED if it
 * is neither the caller's nor root's, or others may write to it: they could put files of their own
 * in the place of ours. */
must_check bool path_open_own_dir(const char *name, mode_t mode, int *fd, struct error *err);

/* Removes a file or a whole tree without following a symlink or crossing into another mount;
 * missing is success. Depth is unlimited, memory is not proportional to it. */
must_check bool path_remove_tree(int dir, const char *name, struct error *err);
/* Adds to *bytes the sizes of the regular files that are gone, each once, whatever its names. */
must_check bool path_remove_counted(int dir, const char *name, int64_t *bytes, struct error *err);

/* `path` as an absolute path without ".", ".." and doubled slashes, by its text alone:
 * "/a/../b/./c" gives "/b/c", and nothing climbs above "/". The caller frees it. */
char *path_clean(const char *path) must_check;

/* What holds `path`, by its text: "a" of "a/b", "." of "b", "/" of "/b". The caller frees it. */
char *path_parent(const char *path) must_check;

/* True if `name` is one plain path component: not empty, no '/', not "." or "..". */
bool path_is_component(const char *name);

#endif
