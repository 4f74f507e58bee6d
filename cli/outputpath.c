/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outputpath.h"

#include <errno.h>
#include <libgen.h>
#include <sys/stat.h>

#include "base/caller.h"
#include "base/mem.h"
#include "cli/human.h"

static bool look(const char *path, struct stat *info)
{
	caller_enter();
	bool is_there = stat(path, info) == 0;

	caller_leave();
	return is_there;
}

bool outputpath_check(const char *path, struct error *err)
{
	autofree char *copy = mem_strdup(path);
	const char *parent = dirname(copy);
	char why[HUMAN_MAX];
	struct stat info;

	if (!*path)
		return error_set(err, ERROR_INPUT, "file name is empty");
	bool is_there = look(parent, &info);
	if (!is_there || !S_ISDIR(info.st_mode)) {
		int sys = is_there ? ENOTDIR : errno;

		return error_set(err, error_kind_of(sys), "invalid output path: stat %s: %s",
				 parent, human_errno(sys, why));
	}
	if (!look(path, &info))
		return true; /* it is new, or making it will tell */
	if (S_ISDIR(info.st_mode))
		return error_set(err, ERROR_INPUT, "cannot write to a directory");
	if (S_ISCHR(info.st_mode))
		return error_set(err, ERROR_INPUT, "cannot write to a character device file");
	return !S_ISBLK(info.st_mode) ||
	       error_set(err, ERROR_INPUT, "cannot write to a block device file");
}
