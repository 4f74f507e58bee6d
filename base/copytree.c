/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copytree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hardlinks.h"
#include "base/holes.h"
#include "base/marks.h"
#include "base/mem.h"
#include "base/newfile.h"
#include "base/path.h"
#include "base/xattrs.h"

#define DEPTH_MAX 256 /* directories within each other */

struct copying {
	int top; /* of the target */
	struct hardlinks links;
};

/* A directory and its copy. `path`: from the top, "" for the top itself. */
struct level {
	struct copying *copying;
	int from, to, depth;
	const char *path;
};

static bool copy_dir(const struct level *level, struct error *err);

static char *path_below(const struct level *level, const char *name)
{
	return mem_printf("%s%s%s", level->path, *level->path ? "/" : "", name);
}

/* What has no bytes. -------------------------------------------------------------------------- */

/* `target`: a symlink's; of a hard link the file; a fifo has none. */
static int make_symlink(int to, const char *name, const char *target)
{
	return symlinkat(target, to, name);
}

static int make_link(int to, const char *name, const char *target)
{
	return linkat(AT_FDCWD, target, to, name, AT_SYMLINK_FOLLOW);
}

static int make_fifo(int to, const char *name, const char *target)
{
	(void)target;
	return mkfifoat(to, name, 0600);
}

/* In the place of what has the name already. */
static int replace(int (*make)(int to, const char *name, const char *target), int to,
		   const char *name, const char *target)
{
	int made = make(to, name, target);

	return made < 0 && errno == EEXIST && unlinkat(to, name, 0) == 0 ? make(to, name, target)
									 : made;
}

static bool copy_symlink(const struct level *level, const char *name, const struct stat *status,
			 struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(level->from, name, target, sizeof(target) - 1);

	if (length < 0)
		return error_sys(err, "copy link %s", name);
	target[length] = '\0';
	if (replace(make_symlink, level->to, name, target) < 0)
		return error_sys(err, "copy link %s", name);
	return marks_set_found(level->to, name, status, MARKS_ALL, err);
}

static bool copy_fifo(const struct level *level, const char *name, const struct stat *status,
		      struct error *err)
{
	if (replace(make_fifo, level->to, name, NULL) < 0)
		return error_sys(err, "copy %s", name);
	return marks_set_found(level->to, name, status, MARKS_ALL, err);
}

/* Files. -------------------------------------------------------------------------------------- */

/* To the copy of the file under its first name. Whoever has that replaced since gets a link to what
 * he has put there. False: there is none to link to. */
static bool link_to_first(const struct level *level, const char *name, const char *first)
{
	struct error ignored;
	char path[PATH_OF_FD_MAX];
	struct stat status;
	autoclose int file = -1;

	if (!path_open(level->copying->top, first, PATH_NO_LINKS, O_PATH | O_NOFOLLOW, 0, &file,
		       &ignored) ||
	    fstat(file, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	return replace(make_link, level->to, name, path_of_fd(file, path)) == 0;
}

/* *is_linked: it was copied under another name, and is linked to that. */
static bool link_known(const struct level *level, const char *name, const struct stat *status,
		       bool *is_linked, struct error *err)
{
	const char *first;

	*is_linked = false;
	if (status->st_nlink < 2)
		return true;

	autofree char *path = path_below(level, name);

	if (!hardlinks_first(&level->copying->links, status, path, &first, err))
		return false;
	*is_linked = first && link_to_first(level, name, first);
	return true;
}

/* Its marks are those of what was opened: a name can have changed its meaning since. */
static bool copy_content(int in, const struct stat *status, int to, const char *name,
			 struct error *err)
{
	struct newfile file;
	bool is_done = newfile_open(to, name, NEWFILE_UNSEEN, 0600, &file, err) &&
		       holes_copy(in, file.fd, name, status->st_size, err) &&
		       marks_set(file.fd, name, status, MARKS_ALL, err) &&
		       xattrs_copy(in, file.fd, XATTRS_OF_FILES, err) &&
		       newfile_publish(&file, err);

	newfile_drop(&file);
	return is_done;
}

static bool copy_file(const struct level *level, const char *name, struct error *err)
{
	autoclose int in = -1;
	struct stat status;
	bool is_linked;

	if (!path_open_regular(level->from, name, PATH_NO_LINKS, &in, err))
		return false;
	if (fstat(in, &status) < 0)
		return error_sys(err, "look at %s", name);
	return link_known(level, name, &status, &is_linked, err) &&
	       (is_linked || copy_content(in, &status, level->to, name, err));
}

/* Directories. -------------------------------------------------------------------------------- */

static bool copy_subdir(const struct level *level, const char *name, struct error *err)
{
	autofree char *path = path_below(level, name);
	autoclose int in =
		openat(level->from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (in < 0 || fstat(in, &status) < 0 ||
	    (mkdirat(level->to, name, 0700) < 0 && errno != EEXIST))
		return error_sys(err, "copy directory %s", name);
	autoclose int out =
		openat(level->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return error_sys(err, "copy directory %s", name);

	const struct level below = { level->copying, in, out, level->depth + 1, path };

	return copy_dir(&below, err) && marks_set(out, name, &status, MARKS_ALL, err) &&
	       xattrs_copy(in, out, XATTRS_OF_FILES, err);
}

static bool copy_entry(const struct level *level, const char *name, struct error *err)
{
	struct stat status;

	if (fstatat(level->from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at %s", name);
	switch (status.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subdir(level, name, err);
	case S_IFREG:
		return copy_file(level, name, err);
	case S_IFLNK:
		return copy_symlink(level, name, &status, err);
	case S_IFIFO:
		return copy_fifo(level, name, &status, err);
	default:
		return true;
	}
}

static bool copy_dir(const struct level *level, struct error *err)
{
	autodir DIR *dir = file_list(level->from, ".");

	if (!dir)
		return error_sys(err, "read a directory");
	if (level->depth > DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "directories are nested more than %d deep",
				 DEPTH_MAX);
	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(dir, "a directory", &entry, err)) && entry)
		if (!copy_entry(level, entry->d_name, err))
			return false;
	return is_read;
}

bool copy_tree(int from, int to, struct error *err)
{
	struct copying copying = { .top = to };
	const struct level top = { &copying, from, to, 0, "" };
	bool is_done = copy_dir(&top, err);

	hardlinks_done(&copying.links);
	return is_done;
}
