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

/* Owner before mode: a change of owner takes set-user-ID away. Symlinks have no mode. By way of
 * procfs what was opened by O_PATH is marked too, itself and not what it leads to. */
static bool set_marks(const struct tree_copy *copy, int file, const char *name,
		      const struct stat *info, struct error *err)
{
	autofree char *path = mem_printf("/proc/self/fd/%d", file);
	uid_t uid = copy->keeps_owner ? info->st_uid : copy->uid;
	gid_t gid = copy->keeps_owner ? info->st_gid : copy->gid;
	const struct timespec times[2] = { info->st_atim, info->st_mtim };

	if (chown(path, uid, gid) < 0 && errno != EPERM)
		return error_sys(err, "change the owner of %s", name);
	if (!S_ISLNK(info->st_mode) && chmod(path, info->st_mode & 07777) < 0)
		return error_sys(err, "change the mode of %s", name);
	utimensat(AT_FDCWD, path, times, 0);
	return true;
}

/* Of a symlink, a pipe or a device, which are made by name: whoever may write to the directory can
 * put a file of his own there in between, which must not become the owner's and set-user-ID. */
static bool mark_place(const struct tree_copy *copy, struct side to, const struct stat *info,
		       struct error *err)
{
	go_to(copy->is_to_callers);
	autoclose int place = openat(to.dir, to.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat found;
	bool is_done;

	if (place < 0 || fstat(place, &found) < 0)
		is_done = error_sys(err, "open %s", to.name);
	else if ((found.st_mode & S_IFMT) != (info->st_mode & S_IFMT))
		is_done =
			error_set(err, ERROR_EXISTS, "%s was replaced by something else", to.name);
	else
		is_done = set_marks(copy, place, to.name, info, err);
	come_from(copy->is_to_callers);
	return is_done;
}

static bool copy_bytes(int from, int to, const char *name, struct error *err)
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
	return copy_bytes(source, target, name, err) && set_marks(copy, target, name, info, err);
}

/* What is there stays until all of the new one is. */
static bool replace(const struct tree_copy *copy, int source, struct side to,
		    const struct stat *info, struct error *err)
{
	struct newfile file;
	bool is_done = newfile_open(to.dir, to.name, NEWFILE_UNSEEN, 0600, &file, err) &&
		       copy_bytes(source, file.fd, to.name, err) &&
		       set_marks(copy, file.fd, to.name, info, err) && newfile_publish(&file, err);

	newfile_drop(&file);
	return is_done;
}

static bool copy_file(const struct tree_copy *copy, struct side from, struct side to,
		      const struct stat *info, struct error *err)
{
	autoclose int source = -1;
	struct stat there;

	go_to(copy->is_from_callers);
	bool is_open = copy->is_from_callers
			       ? path_open_regular(from.dir, from.name, PATH_NO_LINKS, &source, err)
			       : path_open_stored(from.dir, from.name, PATH_NO_LINKS, &source, err);
	come_from(copy->is_from_callers);
	if (!is_open)
		return false;
	bool is_there = fstatat(to.dir, to.name, &there, AT_SYMLINK_NOFOLLOW) == 0;
	if (is_there && S_ISDIR(there.st_mode))
		return error_set(err, ERROR_EXISTS, "cannot overwrite directory \"%s\" with a file",
				 to.name);
	go_to(copy->is_to_callers);
	autoclose int mounted = is_there ? find_mounted(to) : -1;
	bool is_done = mounted >= 0 ? overwrite(copy, source, mounted, to.name, info, err)
				    : replace(copy, source, to, info, err);
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

	int duplicate = fcntl(from, F_DUPFD_CLOEXEC, 3);
	autodir DIR *list = duplicate < 0 ? NULL : fdopendir(duplicate);

	if (!list) {
		mem_cleanup_close(&duplicate);
		return error_sys(err, "list a directory");
	}
	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(list, "a directory", &entry, err)) && entry)
		if (!copy_one(copy, (struct side){ from, entry->d_name },
			      (struct side){ to, entry->d_name }, depth, err))
			return false;
	return is_read;
}

static bool copy_directory(const struct tree_copy *copy, struct side from, struct side to,
			   const struct stat *info, int depth, struct error *err)
{
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
	if (source < 0)
		return error_sys(err, "open %s", from.name);
	if (target < 0)
		return error_set(err, ERROR_EXISTS,
				 "cannot overwrite non-directory \"%s\" with a directory", to.name);
	if (!copy_entries(copy, source, target, depth + 1, err))
		return false;
	go_to(copy->is_to_callers);
	bool is_marked = set_marks(copy, target, to.name, info, err);
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
		return copy_file(copy, from, to, &info, err); /* marked before it is there */
	case S_IFDIR:
		return copy_directory(copy, from, to, &info, depth, err);
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
