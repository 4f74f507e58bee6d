/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/file.h"
#include "base/holes.h"
#include "base/marks.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"

/*
 * Copying by descriptors on both sides: what a container's processes do meanwhile with links and
 * renames cannot lead us anywhere else (CVE-2018-15664).
 */

#define CHUNK     (1 << 20)
#define DEPTH_MAX 1024
#define LINK_MAX  4096

struct side {
	int dir;
	const char *name;
};

/* Between the two, files are looked up by whose side they are on. */
static void go_to(bool is_callers)
{
	if (is_callers)
		caller_enter();
}

static void come_from(bool is_callers)
{
	if (is_callers)
		caller_leave();
}

static bool copy_one(const struct tree_copy *copy, struct side from, struct side to, int depth,
		     struct error *err);

/* The owner is the other's, or who was said. */
static struct stat marks_of(const struct tree_copy *copy, const struct stat *info)
{
	struct stat marks = *info;

	if (!copy->keeps_owner) {
		marks.st_uid = copy->uid;
		marks.st_gid = copy->gid;
	}
	return marks;
}

static bool set_marks(const struct tree_copy *copy, int file, const char *name,
		      const struct stat *info, struct error *err)
{
	struct stat marks = marks_of(copy, info);

	return marks_set(file, name, &marks, MARKS_ALLOWED, err);
}

/* Of a symlink, a pipe or a device, which are made by name. */
static bool mark_place(const struct tree_copy *copy, struct side to, const struct stat *info,
		       struct error *err)
{
	struct stat marks = marks_of(copy, info);

	go_to(copy->is_to_callers);
	bool is_done = marks_set_found(to.dir, to.name, &marks, MARKS_ALLOWED, err);
	come_from(copy->is_to_callers);
	return is_done;
}

/* What the caller's kernel makes (/proc/version) has no size. */
static bool copy_to_end(int from, int to, const char *name, struct error *err)
{
	for (;;) {
		ssize_t sent = sendfile(to, from, NULL, CHUNK);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return error_sys(err, "copy %s", name);
		if (sent == 0)
			return true;
	}
}

static bool copy_bytes(const struct tree_copy *copy, int from, int to, const char *name,
		       const struct stat *info, struct error *err)
{
	return copy->is_from_callers && info->st_size == 0
		       ? copy_to_end(from, to, name, err)
		       : holes_copy(from, to, name, info->st_size, err);
}

/* What is in the way goes, unless it is a directory. */
static bool clear_place(struct side to, struct error *err)
{
	struct stat info;

	if (fstatat(to.dir, to.name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || error_sys(err, "look at %s", to.name);
	if (S_ISDIR(info.st_mode))
		return error_set(err, ERROR_EXISTS, "cannot overwrite directory \"%s\" with a file",
				 to.name);
	return unlinkat(to.dir, to.name, 0) == 0 || error_sys(err, "replace %s", to.name);
}

/* A file that is mounted there (/etc/hosts) is not replaced, only written: where we are in its
 * mount namespace the kernel would refuse that, and in a container's it would unmount it. -1: none
 * is. */
static int find_mounted(struct side to)
{
	autoclose int file = openat(to.dir, to.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int64_t above, own;
	struct error ignored;

	if (file < 0 || !file_mount_number(to.dir, &above, &ignored) ||
	    !file_mount_number(file, &own, &ignored) || above == own)
		return -1;
	return take_fd(&file);
}

/* A container may have mounted what answers to our rights, which are not its own: a file of /proc,
 * or a device. */
static bool overwrite(const struct tree_copy *copy, int source, int mounted, const char *name,
		      const struct stat *info, struct error *err)
{
	autofree char *path = mem_printf("/proc/self/fd/%d", mounted);
	struct stat found;

	if (fstat(mounted, &found) < 0)
		return error_sys(err, "look at %s", name);
	if (!S_ISREG(found.st_mode) || path_is_made_by_kernel(mounted))
		return error_set(err, ERROR_DENIED, "%s is no stored file", name);
	autoclose int target = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (target < 0)
		return error_sys(err, "open %s", name);
	return copy_bytes(copy, source, target, name, info, err) &&
	       set_marks(copy, target, name, info, err);
}

/* What is there stays until all of the new one is. */
static bool replace(const struct tree_copy *copy, int source, struct side to,
		    const struct stat *info, struct error *err)
{
	struct newfile file;
	bool is_done = newfile_open(to.dir, to.name, NEWFILE_UNSEEN, 0600, &file, err) &&
		       copy_bytes(copy, source, file.fd, to.name, info, err) &&
		       set_marks(copy, file.fd, to.name, info, err) && newfile_publish(&file, err);

	newfile_drop(&file);
	return is_done;
}

static bool copy_file(const struct tree_copy *copy, struct side from, struct side to,
		      struct error *err)
{
	autoclose int source = -1;
	struct stat info, there; /* of what was opened: a name can have changed its meaning */

	go_to(copy->is_from_callers);
	bool is_open = copy->is_from_callers
			       ? path_open_regular(from.dir, from.name, PATH_NO_LINKS, &source, err)
			       : path_open_stored(from.dir, from.name, PATH_NO_LINKS, &source, err);
	come_from(copy->is_from_callers);
	if (!is_open)
		return false;
	if (fstat(source, &info) < 0)
		return error_sys(err, "look at %s", from.name);
	bool is_there = fstatat(to.dir, to.name, &there, AT_SYMLINK_NOFOLLOW) == 0;
	if (is_there && S_ISDIR(there.st_mode))
		return error_set(err, ERROR_EXISTS, "cannot overwrite directory \"%s\" with a file",
				 to.name);
	go_to(copy->is_to_callers);
	autoclose int mounted = is_there ? find_mounted(to) : -1;
	bool is_done = mounted >= 0 ? overwrite(copy, source, mounted, to.name, &info, err)
				    : replace(copy, source, to, &info, err);
	come_from(copy->is_to_callers);
	return is_done;
}

static bool copy_symlink(const struct tree_copy *copy, struct side from, struct side to,
			 struct error *err)
{
	char text[LINK_MAX];
	ssize_t length = readlinkat(from.dir, from.name, text, sizeof(text) - 1);

	if (length < 0)
		return error_sys(err, "read link %s", from.name);
	text[length] = '\0';
	go_to(copy->is_to_callers);
	bool is_made = clear_place(to, err) && (symlinkat(text, to.dir, to.name) == 0 ||
						error_sys(err, "make link %s", to.name));
	come_from(copy->is_to_callers);
	return is_made;
}

/* A container's procfs and sysfs are empty directories, as with docker: see path_open_stored. */
static bool copy_entries(const struct tree_copy *copy, int from, int to, int depth,
			 struct error *err)
{
	if (!copy->is_from_callers && path_is_made_by_kernel(from))
		return true;

	autodir DIR *list = file_list(from, ".");

	if (!list)
		return error_sys(err, "list a directory");
	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(list, "a directory", &entry, err)) && entry)
		if (!copy_one(copy, (struct side){ from, entry->d_name },
			      (struct side){ to, entry->d_name }, depth, err))
			return false;
	return is_read;
}

static bool copy_directory(const struct tree_copy *copy, struct side from, struct side to,
			   int depth, struct error *err)
{
	struct stat info;

	if (depth > DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "%s: directories are too deep", from.name);
	go_to(copy->is_to_callers);
	bool is_there = mkdirat(to.dir, to.name, 0700) == 0 || errno == EEXIST ||
			error_sys(err, "make directory %s", to.name);
	autoclose int target =
		openat(to.dir, to.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	come_from(copy->is_to_callers);
	if (!is_there)
		return false;
	go_to(copy->is_from_callers);
	autoclose int source =
		openat(from.dir, from.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	come_from(copy->is_from_callers);
	if (source < 0 || fstat(source, &info) < 0)
		return error_sys(err, "open %s", from.name);
	if (target < 0)
		return error_set(err, ERROR_EXISTS,
				 "cannot overwrite non-directory \"%s\" with a directory", to.name);
	if (!copy_entries(copy, source, target, depth + 1, err))
		return false;
	go_to(copy->is_to_callers);
	bool is_marked = set_marks(copy, target, to.name, &info, err);
	come_from(copy->is_to_callers);
	return is_marked;
}

static bool make_special(const struct tree_copy *copy, struct side to, const struct stat *info,
			 struct error *err)
{
	go_to(copy->is_to_callers);
	bool is_made = clear_place(to, err) &&
		       (mknodat(to.dir, to.name, info->st_mode, info->st_rdev) == 0 ||
			error_sys(err, "make %s", to.name));
	come_from(copy->is_to_callers);
	return is_made;
}

static bool copy_one(const struct tree_copy *copy, struct side from, struct side to, int depth,
		     struct error *err)
{
	struct stat info;
	bool is_done;

	if (fstatat(from.dir, from.name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at %s", from.name);
	switch (info.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(copy, from, to, err); /* marked before it is there */
	case S_IFDIR:
		return copy_directory(copy, from, to, depth, err);
	case S_IFLNK:
		is_done = copy_symlink(copy, from, to, err);
		break;
	case S_IFSOCK:
		return true;
	default:
		is_done = make_special(copy, to, &info, err);
	}
	return is_done && mark_place(copy, to, &info, err);
}

bool tree_copy(const struct tree_copy *copy, struct error *err)
{
	return copy_one(copy, (struct side){ copy->from, copy->from_name },
			(struct side){ copy->to, copy->to_name }, 0, err);
}
