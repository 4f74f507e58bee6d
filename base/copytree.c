/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copytree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#define DEPTH_MAX 256 /* directories within each other */
#define FD_PATH   (sizeof("/proc/self/fd/") + 12)

static bool copy_dir(int from, int to, int depth, struct error *err);

/* From one hole to the next. A file of the image's may claim a size that no disk has. */
static bool copy_extent(int in, int out, off_t at, const char *name, struct error *err)
{
	off_t end = lseek(in, at, SEEK_HOLE);

	if (end < 0 || lseek(out, at, SEEK_SET) < 0)
		return error_sys(err, "copy %s", name);
	while (at < end) {
		ssize_t moved = sendfile(out, in, &at, (size_t)(end - at));

		if (moved < 0)
			return error_sys(err, "copy %s", name);
		if (moved == 0)
			break;
	}
	return true;
}

/* Without opening it: a name can have changed its meaning, and to open a device can be to start it.
 * What is found has to be of the type that was seen; `path` is a way to it that nobody can change.
 */
static bool find_again(int dir, const char *name, const struct stat *seen, int *fd,
		       char path[FD_PATH], struct error *err)
{
	struct stat found;

	*fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &found) < 0)
		return error_sys(err, "open %s", name);
	if (((found.st_mode ^ seen->st_mode) & S_IFMT) != 0)
		return error_set(err, ERROR_EXISTS, "%s was replaced meanwhile", name);
	snprintf(path, FD_PATH, "/proc/self/fd/%d", *fd);
	return true;
}

static int make_file(int to, const char *name, const char *target)
{
	(void)target;
	return openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int make_link(int to, const char *name, const char *target)
{
	return symlinkat(target, to, name);
}

static int make_fifo(int to, const char *name, const char *target)
{
	(void)target;
	return mkfifoat(to, name, 0600);
}

/* In the place of what has the name already. Returns what `make` does: `target` is a link's. */
static int replace(int (*make)(int to, const char *name, const char *target), int to,
		   const char *name, const char *target)
{
	int made = make(to, name, target);

	return made < 0 && errno == EEXIST && unlinkat(to, name, 0) == 0 ? make(to, name, target)
									 : made;
}

static bool copy_bytes(int from, const char *name, int to_dir, const struct stat *status,
		       struct error *err)
{
	autoclose int in = -1;
	off_t at = 0;

	if (!path_open_regular(from, name, PATH_NO_LINKS, &in, err))
		return false;

	autoclose int out = replace(make_file, to_dir, name, NULL);

	if (out < 0)
		return error_sys(err, "copy %s", name);
	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		if (!copy_extent(in, out, at, name, err))
			return false;
		at = lseek(in, at, SEEK_HOLE);
	}
	if (errno != ENXIO || ftruncate(out, status->st_size) < 0) /* ENXIO: nothing follows */
		return error_sys(err, "copy %s", name);
	return true;
}

static bool copy_link(int from, const char *name, int to, struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return error_sys(err, "copy link %s", name);
	target[length] = '\0';
	return replace(make_link, to, name, target) == 0 || error_sys(err, "copy link %s", name);
}

static bool copy_fifo(const char *name, int to, struct error *err)
{
	return replace(make_fifo, to, name, NULL) == 0 || error_sys(err, "copy %s", name);
}

/* Somebody may put a symlink where we have just written: so the mode goes to what was opened, never
 * to a name. */
static bool copy_mode(int to, const char *name, const struct stat *status, struct error *err)
{
	autoclose int fd = -1;
	char path[FD_PATH];

	if (!find_again(to, name, status, &fd, path, err))
		return false;
	return chmod(path, status->st_mode & 07777) == 0 || error_sys(err, "chmod %s", name);
}

static bool copy_owner(int to, const char *name, const struct stat *status, struct error *err)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };

	if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner of %s", name);
	if (!S_ISLNK(status->st_mode) && !copy_mode(to, name, status, err))
		return false;
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       error_sys(err, "set the times of %s", name);
}

static bool copy_subdir(int from, const char *name, int to, int depth, struct error *err)
{
	autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0 || (mkdirat(to, name, 0700) < 0 && errno != EEXIST))
		return error_sys(err, "copy directory %s", name);
	autoclose int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return error_sys(err, "copy directory %s", name);
	return copy_dir(in, out, depth + 1, err);
}

static bool copy_entry(int from, const char *name, int to, int depth, struct error *err)
{
	struct stat status;
	bool is_done = true;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at %s", name);
	if (S_ISDIR(status.st_mode))
		is_done = copy_subdir(from, name, to, depth, err);
	else if (S_ISREG(status.st_mode))
		is_done = copy_bytes(from, name, to, &status, err);
	else if (S_ISLNK(status.st_mode))
		is_done = copy_link(from, name, to, err);
	else if (S_ISFIFO(status.st_mode))
		is_done = copy_fifo(name, to, err);
	else
		return true;
	return is_done && copy_owner(to, name, &status, err);
}

static bool copy_dir(int from, int to, int depth, struct error *err)
{
	int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir) {
		mem_cleanup_close(&own);
		return error_sys(err, "read a directory");
	}
	if (depth > DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "directories are nested more than %d deep",
				 DEPTH_MAX);
	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(dir, "a directory", &entry, err)) && entry)
		if (!copy_entry(from, entry->d_name, to, depth, err))
			return false;
	return is_read;
}

bool copy_tree(int from, int to, struct error *err)
{
	return copy_dir(from, to, 0, err);
}
