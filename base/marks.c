/* SPDX-License-Identifier: Apache-2.0 */
#include "base/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

/* Owner before mode: a change of owner takes set-user-ID away. By way of procfs what was opened by
 * O_PATH is marked too, itself and not what it leads to. */
bool marks_set(int file, const char *name, const struct stat *marks, enum marks_need need,
	       struct error *err)
{
	const struct timespec times[2] = { marks->st_atim, marks->st_mtim };
	char path[PATH_OF_FD_MAX];

	path_of_fd(file, path);
	if (chown(path, marks->st_uid, marks->st_gid) < 0 && (need == MARKS_ALL || errno != EPERM))
		return error_sys(err, "change the owner of %s", name);
	if (!S_ISLNK(marks->st_mode) && chmod(path, marks->st_mode & 07777) < 0)
		return error_sys(err, "change the mode of %s", name);
	return utimensat(AT_FDCWD, path, times, 0) == 0 || need == MARKS_ALLOWED ||
	       error_sys(err, "change the times of %s", name);
}

/* What was just made has no other name: one that has is another's, brought here. */
static bool is_what_was_made(const struct stat *found, const struct stat *marks)
{
	return (found->st_mode & S_IFMT) == (marks->st_mode & S_IFMT) && found->st_nlink < 2 &&
	       ((!S_ISCHR(marks->st_mode) && !S_ISBLK(marks->st_mode)) ||
		found->st_rdev == marks->st_rdev);
}

bool marks_set_found(int dir, const char *name, const struct stat *marks, enum marks_need need,
		     struct error *err)
{
	/* Without opening it: to open a device can be to start it. */
	autoclose int found = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;

	if (found < 0 || fstat(found, &info) < 0)
		return error_sys(err, "open %s", name);
	if (S_ISREG(marks->st_mode) || S_ISDIR(marks->st_mode) || !is_what_was_made(&info, marks))
		return error_set(err, ERROR_EXISTS, "%s was replaced meanwhile", name);
	return marks_set(found, name, marks, need, err);
}
