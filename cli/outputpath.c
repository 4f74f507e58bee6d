/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outputpath.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
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

static bool open_new(struct output *output, struct error *err)
{
	caller_enter();
	output->is_new =
		newfile_open(AT_FDCWD, output->path, NEWFILE_UNSEEN, 0600, &output->file, err);
	caller_leave();
	output->fd = output->file.fd;
	return output->is_new;
}

bool output_open(const char *path, struct output *output, struct error *err)
{
	struct error failure;
	char why[HUMAN_MAX];
	struct stat info;

	*output = OUTPUT_EMPTY;
	output->path = path;
	if (path && (!look(path, &info) || S_ISREG(info.st_mode))) {
		if (open_new(output, &failure))
			return true;
		errno = failure.sys;
	} else {
		output->file.fd = output->fd = path ? caller_open(path, O_WRONLY | O_CLOEXEC, 0)
						    : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	}
	int sys = errno;

	if (output->fd >= 0)
		return true;
	error_set(err, error_kind_of(sys), "open %s: %s", path ? path : "stdout",
		  human_errno(sys, why));
	err->sys = sys;
	return path && file_add_remedy(path, err);
}

bool output_finish(struct output *output, struct error *err)
{
	mode_t mask = umask(0);

	umask(mask);
	if (!output->is_new)
		return true;
	if (fchmod(output->fd, 0600 & ~mask) < 0)
		return error_sys(err, "write %s", output->path);
	caller_enter();
	bool is_done = newfile_publish(&output->file, err);

	caller_leave();
	return is_done || output_explain(output, err) || error_in(err, "write %s", output->path);
}

/* By what is open: standard output has a path as well, unless it is a pipe. */
bool output_explain(const struct output *output, struct error *err)
{
	char link[PATH_OF_FD_MAX], path[PATH_MAX];
	ssize_t length = readlink(path_of_fd(output->fd, link), path, sizeof(path) - 1);
	if (length <= 0 || path[0] != '/')
		return false;
	path[length] = '\0';
	return file_add_remedy(path, err);
}

void output_drop(struct output *output)
{
	caller_enter();
	newfile_drop(&output->file);
	caller_leave();
	*output = OUTPUT_EMPTY;
}
