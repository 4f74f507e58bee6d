/* SPDX-License-Identifier: Apache-2.0 */
#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

#define ATTEMPTS_MAX 100 /* names that are tried, in the place of one that is taken */
#define UNSEEN_MAX   4   /* the first of them that those who are seen for a moment share */
#define SUFFIX_MAX   48  /* bytes of what follows NEWFILE_BESIDE, and it */

static bool has_shared_name(const struct newfile *file, int attempt)
{
	return file->way == NEWFILE_UNSEEN && attempt < UNSEEN_MAX;
}

/* The name of a file beside `name`, one as long as names may be cut to make room for the suffix.
 * Two writers of one file must not share it. For one that is written there, nobody else uses it.
 * For one that gets it only to be renamed at once, it is always the same: whoever finds it there,
 * and nobody who holds it, knows what it is. */
static char *name_beside(const struct newfile *file, int attempt)
{
	const char *slash = strrchr(file->name, '/');
	size_t above = slash ? (size_t)(slash + 1 - file->name) : 0;
	size_t own = strlen(file->name + above);
	struct timespec now;

	if (own > NAME_MAX - SUFFIX_MAX)
		own = NAME_MAX - SUFFIX_MAX;
	if (has_shared_name(file, attempt))
		return mem_printf("%.*s" NEWFILE_BESIDE "mooring-%d", (int)(above + own),
				  file->name, attempt);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return mem_printf("%.*s" NEWFILE_BESIDE "%d-%lx", (int)(above + own), file->name,
			  (int)getpid(), (unsigned long)now.tv_nsec + (unsigned long)attempt);
}

static bool is_named(const struct newfile *file, const char *beside, int fd)
{
	struct stat named, opened;

	return fstatat(file->dir, beside, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
	       named.st_ino == opened.st_ino;
}

/* What one left who was killed before it renamed it: nobody holds it. True if the name is free.
 * Only a regular file is opened for that, whatever somebody has put there. */
static bool remove_abandoned(const struct newfile *file, const char *beside)
{
	autoclose int place = openat(file->dir, beside, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[PATH_OF_FD_MAX];
	struct stat info;

	if (place < 0 || fstat(place, &info) < 0 || !S_ISREG(info.st_mode))
		return false;
	autoclose int left = open(path_of_fd(place, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return left >= 0 && flock(left, LOCK_EX | LOCK_NB) == 0 && is_named(file, beside, left) &&
	       unlinkat(file->dir, beside, 0) == 0;
}

/* What `make` does with a name of its own; in `beside` the one that was free. */
static int make_beside(int (*make)(const struct newfile *file, const char *beside, mode_t mode),
		       struct newfile *file, mode_t mode)
{
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		autofree char *beside = name_beside(file, attempt);
		int made = make(file, beside, mode);

		bool is_taken = made < 0 && errno == EEXIST;

		if (is_taken && has_shared_name(file, attempt) && remove_abandoned(file, beside)) {
			made = make(file, beside, mode);
			is_taken = made < 0 && errno == EEXIST;
		}
		if (made >= 0) {
			file->beside = take_text(&beside);
			return made;
		}
		if (!is_taken)
			return -1;
	}
	return -1;
}

/* Held as long as it is open, where the file system can do that; one that was taken for abandoned
 * before it was is no more. */
static int make_file(const struct newfile *file, const char *beside, mode_t mode)
{
	autoclose int fd = openat(file->dir, beside,
				  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd >= 0 && file->way == NEWFILE_UNSEEN && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    !is_named(file, beside, fd)) {
		errno = EEXIST;
		return -1;
	}
	return take_fd(&fd);
}

static int make_link(const struct newfile *file, const char *beside, mode_t mode)
{
	char own[PATH_OF_FD_MAX];

	(void)mode;
	return linkat(AT_FDCWD, path_of_fd(file->fd, own), file->dir, beside, AT_SYMLINK_FOLLOW);
}

bool newfile_open(int dir, const char *name, enum newfile_way way, mode_t mode,
		  struct newfile *file, struct error *err)
{
	*file = (struct newfile){ .dir = dir, .name = name, .way = way, .fd = -1 };
	if (way == NEWFILE_UNSEEN) {
		autofree char *parent = path_parent(name);

		file->fd = openat(dir, parent, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
		/* Where locks are not to be had, nobody takes one for abandoned. */
		if (file->fd >= 0)
			(void)flock(file->fd, LOCK_EX | LOCK_NB);
	}
	if (file->fd < 0)
		file->fd = make_beside(make_file, file, mode);
	return file->fd >= 0 || error_sys(err, "create %s", name);
}

/* A link cannot replace a file: where there is one, it gets another name first. */
static bool give_name(struct newfile *file, bool *is_done)
{
	*is_done = !file->beside && make_link(file, file->name, 0) == 0;
	return *is_done || file->beside ||
	       (errno == EEXIST && make_beside(make_link, file, 0) == 0);
}

bool newfile_publish(struct newfile *file, struct error *err)
{
	bool is_done;

	if (!give_name(file, &is_done) ||
	    (!is_done && renameat(file->dir, file->beside, file->dir, file->name) < 0))
		return error_sys(err, "rename to %s", file->name);
	free(file->beside);
	file->beside = NULL;
	return true;
}

void newfile_drop(struct newfile *file)
{
	int saved = errno;

	if (file->beside)
		unlinkat(file->dir, file->beside, 0);
	free(file->beside);
	drop_fd(&file->fd);
	*file = NEWFILE_EMPTY;
	errno = saved;
}
