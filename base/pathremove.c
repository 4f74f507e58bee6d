/* SPDX-License-Identifier: Apache-2.0 */
/* The part of path.h that removes trees. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

#define REMOVE_DEPTH_MAX 32 /* one descriptor each; deeper directories are moved up, see below */

struct removal {
	int top; /* directories too deep to descend into are moved here, and met again */
	unsigned int moved;
	int64_t *bytes; /* NULL: not counted */
};

static bool empty_dir(struct removal *removal, int dir, int depth, struct error *err);

/* Moves a directory that lies too deep to the top, so that depth costs no memory. */
static bool move_up(struct removal *removal, int dir, const char *name, struct error *err)
{
	char moved[32];

	for (;;) { /* content may have such names too: then the next number */
		snprintf(moved, sizeof(moved), ".removed-%u", removal->moved++);
		if (syscall(SYS_renameat2, dir, name, removal->top, moved, RENAME_NOREPLACE) == 0)
			return true;
		if (errno != EEXIST)
			return error_sys(err, "move %s", name);
	}
}

static int open_dir_to_empty(int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct open_how how = { .flags = (unsigned int)flags,
				.resolve =
					RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 && errno == ENOSYS ? openat(dir, name, flags) : fd;
}

static bool remove_dir(struct removal *removal, int dir, const char *name, int depth,
		       struct error *err)
{
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return true;
	if (errno == ENOTDIR) /* it has become a file meanwhile */
		return unlinkat(dir, name, 0) == 0 || errno == ENOENT ||
		       error_sys(err, "remove %s", name);
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
		return error_sys(err, "remove %s", name);
	if (depth >= REMOVE_DEPTH_MAX)
		return move_up(removal, dir, name, err);

	autoclose int child = open_dir_to_empty(dir, name);

	if (child < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
		child = open_dir_to_empty(dir, name);
	if (child < 0)
		return error_sys(err, "open %s", name);
	if (!empty_dir(removal, child, depth + 1, err))
		return error_in(err, "%s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", name);
	return true;
}

/* That are free once the name is gone, if nobody has the file open. */
static int64_t bytes_of(int dir, const char *name)
{
	struct stat info;

	return fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
			       info.st_nlink == 1
		       ? info.st_size
		       : 0;
}

static bool remove_entry(struct removal *removal, int dir, const char *name, int depth,
			 struct error *err)
{
	int64_t bytes = removal->bytes ? bytes_of(dir, name) : 0;

	if (unlinkat(dir, name, 0) == 0) {
		if (removal->bytes)
			*removal->bytes += bytes;
		return true;
	}
	if (errno == ENOENT)
		return true;
	if (errno == EISDIR || errno == EPERM)
		return remove_dir(removal, dir, name, depth, err);
	return error_sys(err, "remove %s", name);
}

/* The attempt to remove a directory as a file is saved where the listing tells. */
static bool remove_listed(struct removal *removal, int dir, const struct dirent *entry, int depth,
			  struct error *err)
{
	return entry->d_type == DT_DIR ? remove_dir(removal, dir, entry->d_name, depth, err)
				       : remove_entry(removal, dir, entry->d_name, depth, err);
}

static bool empty_dir(struct removal *removal, int dir, int depth, struct error *err)
{
	autodir DIR *entries = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));
	bool is_first = depth == 0 && removal->top < 0;

	if (!entries)
		return error_sys(err, "read directory");
	if (is_first)
		removal->top = dir;
	for (unsigned int before = ~0U; before != removal->moved;) {
		before = removal->moved; /* what was moved to the top needs another round there */
		rewinddir(entries);
		for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			if (!remove_listed(removal, dir, entry, depth, err))
				return false;
		}
		if (!is_first)
			break;
	}
	return true;
}

bool path_remove_tree(int dir, const char *name, struct error *err)
{
	return path_remove_counted(dir, name, NULL, err);
}

bool path_remove_counted(int dir, const char *name, int64_t *bytes, struct error *err)
{
	struct removal removal = { .top = -1, .bytes = bytes };
	int64_t alone = bytes ? bytes_of(dir, name) : 0;

	if (unlinkat(dir, name, 0) == 0) {
		if (bytes)
			*bytes += alone;
		return true;
	}
	if (errno == ENOENT || errno == ENOTDIR)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return error_sys(err, "remove %s", name);

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0) /* often there is nothing in it */
		return true;

	/* The name itself is ours and may be a path; what is below it is not. */
	autoclose int top = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (top < 0)
		return errno == ENOENT ? true : error_sys(err, "open %s", name);
	if (!empty_dir(&removal, top, 0, err))
		return error_in(err, "remove %s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", name);
	return true;
}
