/* SPDX-License-Identifier: Apache-2.0 */
#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

#define ATTEMPTS_MAX 100 /* names that are tried, in the place of one that is taken */
#define SUFFIX_MAX   48  /* bytes of what follows NEWFILE_BESIDE, and it */

/* A name nobody else uses: two writers of one file must not share the file beside it. One as long
 * as names may be is cut to make room for the suffix. */
static char *name_beside(const char *name, int attempt)
{
	const char *slash = strrchr(name, '/');
	size_t above = slash ? (size_t)(slash + 1 - name) : 0;
	size_t own = strlen(name + above);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (own > NAME_MAX - SUFFIX_MAX)
		own = NAME_MAX - SUFFIX_MAX;
	return mem_printf("%.*s" NEWFILE_BESIDE "%d-%lx", (int)(above + own), name, (int)getpid(),
			  (unsigned long)now.tv_nsec + (unsigned long)attempt);
}

/* What `make` does with a name of its own; in `beside` the one that was free. */
static int make_beside(int (*make)(const struct newfile *file, const char *beside, mode_t mode),
		       struct newfile *file, mode_t mode)
{
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		autofree char *beside = name_beside(file->name, attempt);
		int made = make(file, beside, mode);

		if (made >= 0) {
			file->beside = take_text(&beside);
			return made;
		}
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int make_file(const struct newfile *file, const char *beside, mode_t mode)
{
	return openat(file->dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		      mode);
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
	*file = (struct newfile){ .dir = dir, .name = name, .fd = -1 };
	if (way == NEWFILE_UNSEEN) {
		autofree char *parent = path_parent(name);

		file->fd = openat(dir, parent, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
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
