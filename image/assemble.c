/* SPDX-License-Identifier: Apache-2.0 */
#include "image/assemble.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/xattrs.h"
#include "image/limits.h"
#include "image/place.h"

/* -- attributes of a directory ------------------------------------------------------------------
 */

/* With XATTRS_ALL overlay's own too. */
static bool copy_attributes(int from, int to, enum xattrs_which which, struct error *err)
{
	struct stat info;

	if (fstat(from, &info) < 0 || fchown(to, info.st_uid, info.st_gid) < 0 ||
	    fchmod(to, info.st_mode & 07777) < 0)
		return error_sys(err, "copy a directory's attributes");
	if (!xattrs_copy(from, to, which, err))
		return false;

	const struct timespec times[2] = { info.st_mtim, info.st_mtim };

	return futimens(to, times) == 0 || error_sys(err, "copy a directory's times");
}

/* -- notes --------------------------------------------------------------------------------------
 */

struct assembly {
	int diff;
	const int *below;
	size_t below_count;
};

/* A directory without an entry of its own looks as it does below; else it has no time of its own,
 * so that unpacking twice gives the same. */
static bool settle_implied(const struct assembly *assembly, int dir, const char *path,
			   struct error *err)
{
	static const struct timespec never[2];

	for (size_t i = assembly->below_count; i-- > 0;) {
		autoclose int model = -1;

		if (path_open(assembly->below[i], path, PATH_NO_LINKS,
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &model, err))
			return copy_attributes(model, dir, XATTRS_OF_FILES, err);
		if (err->sys != ENOENT)
			break; /* a file, a symlink or a whiteout: what is below it is not seen */
	}
	return futimens(dir, never) == 0 || error_sys(err, "set the times of %s", path);
}

static bool set_opaque(int dir, const char *path, struct error *err)
{
	if (fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0) == 0)
		return true;
	/* rootless: the overlay will be mounted with userxattr */
	if (errno == EPERM && fsetxattr(dir, "user.overlay.opaque", "y", 1, 0) == 0)
		return true;
	return error_sys(err, "make %s opaque", path);
}

/* One name of a lower layer's root, seen from a root that hides all of it. */
static bool hide_name(int diff, const char *name, struct error *err)
{
	if (mknodat(diff, name, S_IFCHR, 0) == 0)
		return true;
	if (errno != EEXIST)
		return error_sys(err, "make whiteout %s", name);

	autoclose int dir = openat(diff, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dir < 0 || set_opaque(dir, name, err);
}

/* overlay does not look for the attribute on the root of a layer, so its names are hidden one by
 * one. */
static bool hide_below_root(const struct assembly *assembly, struct error *err)
{
	for (size_t i = 0; i < assembly->below_count; i++) {
		autodir DIR *entries = file_list(assembly->below[i], ".");

		if (!entries)
			return error_sys(err, "read a lower layer");

		struct dirent *entry;
		bool is_read;

		while ((is_read = file_next(entries, "a lower layer", &entry, err)) && entry)
			if (!place_is_whiteout(dirfd(entries), entry->d_name) &&
			    !hide_name(assembly->diff, entry->d_name, err))
				return false;
		if (!is_read)
			return false;
	}
	return true;
}

static bool act_on(const struct assembly *assembly, const char *note, struct error *err)
{
	const char *path = note + 1;
	autoclose int dir = -1;

	if (!path_open(assembly->diff, path, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, &dir, err))
		return error_in(err, "a layer's notes");
	if (*note == 'i')
		return settle_implied(assembly, dir, path, err);
	return *path == '\0' ? hide_below_root(assembly, err) : set_opaque(dir, path, err);
}

bool assemble_layer(int diff, int notes, const int *below, size_t below_count, struct error *err)
{
	struct assembly assembly = { .diff = diff, .below = below, .below_count = below_count };
	autobuf struct buf text;

	buf_init(&text, 2 * LIMIT_LAYER_DIRECTORIES);
	if (lseek(notes, 0, SEEK_SET) < 0)
		return error_sys(err, "read a layer's notes");
	if (!file_read_fd(notes, "a layer's notes", &text, err))
		return false;
	for (size_t at = 0; at < text.length; at += strlen(text.data + at) + 1)
		if (!act_on(&assembly, text.data + at, err))
			return false;
	return true;
}

/* -- a second copy ------------------------------------------------------------------------------
 */

#define CLONE_DEPTH_MAX 200 /* two descriptors each */

static bool clone_dir(int from, int to, int depth, struct error *err);

static bool clone_entry(int from, int to, const char *name, int depth, struct error *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat info;

	if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "stat %s", name);
	if (!S_ISDIR(info.st_mode))
		return linkat(from, name, to, name, 0) == 0 || error_sys(err, "link %s", name);
	if (mkdirat(to, name, 0700) < 0)
		return error_sys(err, "create directory %s", name);

	autoclose int below_from = openat(from, name, flags);
	autoclose int below_to = openat(to, name, flags);

	if (below_from < 0 || below_to < 0)
		return error_sys(err, "open %s", name);
	return clone_dir(below_from, below_to, depth + 1, err);
}

static bool clone_dir(int from, int to, int depth, struct error *err)
{
	autodir DIR *entries = file_list(from, ".");

	if (!entries)
		return error_sys(err, "read directory");
	if (depth > CLONE_DEPTH_MAX)
		return error_set(err, ERROR_UNSUPPORTED, "directories are nested too deeply");

	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(entries, "a directory", &entry, err)) && entry)
		if (!clone_entry(from, to, entry->d_name, depth, err))
			return false;
	return is_read && copy_attributes(from, to, XATTRS_ALL, err);
}

bool assemble_clone(int from, int to, struct error *err)
{
	return clone_dir(from, to, 0, err);
}
