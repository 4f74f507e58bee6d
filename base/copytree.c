/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copytree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/marks.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"

#define DEPTH_MAX 256 /* directories within each other */

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

static bool copy_bytes(int in, int out, const char *name, off_t size, struct error *err)
{
	off_t at = 0;

	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		if (!copy_extent(in, out, at, name, err))
			return false;
		at = lseek(in, at, SEEK_HOLE);
	}
	if (errno != ENXIO || ftruncate(out, size) < 0) /* ENXIO: nothing follows */
		return error_sys(err, "copy %s", name);
	return true;
}

/* Its marks are those of what was opened: a name can have changed its meaning since. */
static bool copy_file(int from, const char *name, int to, struct error *err)
{
	autoclose int in = -1;
	struct newfile file;
	struct stat status;

	if (!path_open_regular(from, name, PATH_NO_LINKS, &in, err))
		return false;
	if (fstat(in, &status) < 0)
		return error_sys(err, "look at %s", name);
	bool is_done = newfile_open(to, name, NEWFILE_UNSEEN, 0600, &file, err) &&
		       copy_bytes(in, file.fd, name, status.st_size, err) &&
		       marks_set(file.fd, name, &status, MARKS_ALL, err) &&
		       newfile_publish(&file, err);

	newfile_drop(&file);
	return is_done;
}

static bool copy_link(int from, const char *name, int to, const struct stat *status,
		      struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return error_sys(err, "copy link %s", name);
	target[length] = '\0';
	if (replace(make_link, to, name, target) < 0)
		return error_sys(err, "copy link %s", name);
	return marks_set_found(to, name, status, MARKS_ALL, err);
}

static bool copy_fifo(const char *name, int to, const struct stat *status, struct error *err)
{
	if (replace(make_fifo, to, name, NULL) < 0)
		return error_sys(err, "copy %s", name);
	return marks_set_found(to, name, status, MARKS_ALL, err);
}

static bool copy_subdir(int from, const char *name, int to, int depth, struct error *err)
{
	autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (in < 0 || fstat(in, &status) < 0 || (mkdirat(to, name, 0700) < 0 && errno != EEXIST))
		return error_sys(err, "copy directory %s", name);
	autoclose int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return error_sys(err, "copy directory %s", name);
	return copy_dir(in, out, depth + 1, err) && marks_set(out, name, &status, MARKS_ALL, err);
}

static bool copy_entry(int from, const char *name, int to, int depth, struct error *err)
{
	struct stat status;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at %s", name);
	switch (status.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subdir(from, name, to, depth, err);
	case S_IFREG:
		return copy_file(from, name, to, err);
	case S_IFLNK:
		return copy_link(from, name, to, &status, err);
	case S_IFIFO:
		return copy_fifo(name, to, &status, err);
	default:
		return true;
	}
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
