/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outputpath.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/mem.h"
#include "cli/human.h"

#define NAMES_MAX 100 /* that are tried, in the place of one that is taken */

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

/* Without a name, where the file system can do that: then nothing is left of it however we end. */
static int make_nameless(const char *path)
{
	autofree char *copy = mem_strdup(path);

	return caller_open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

static int make_beside(char *beside)
{
	caller_enter();
	int fd = mkostemp(beside, O_CLOEXEC);

	caller_leave();
	return fd;
}

static int open_file(const char *path, struct output *output)
{
	int fd = make_nameless(path);

	output->is_nameless = fd >= 0;
	if (fd >= 0)
		return fd;
	output->beside = mem_printf("%s.tmp-XXXXXX", path);
	return make_beside(output->beside);
}

bool output_open(const char *path, struct output *output, struct error *err)
{
	char why[HUMAN_MAX];
	struct stat info;

	*output = (struct output){ .path = path, .fd = -1 };
	if (!path) {
		output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else if (look(path, &info) && !S_ISREG(info.st_mode)) {
		output->fd = caller_open(path, O_WRONLY | O_CLOEXEC, 0);
	} else {
		output->fd = open_file(path, output);
	}
	if (output->fd >= 0)
		return true;
	int sys = errno;

	free(output->beside); /* there is nothing to remove */
	output->beside = NULL;
	return error_set(err, error_kind_of(sys), "open %s: %s", path ? path : "stdout",
			 human_errno(sys, why));
}

/* A link cannot replace a file: it gets another name first. Called by the caller's rights. */
static bool give_name(struct output *output)
{
	char from[32];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", output->fd);
	for (int i = 0; i < NAMES_MAX; i++) {
		autofree char *name = mem_printf("%s.tmp-%ld-%d", output->path, (long)getpid(), i);

		if (linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
			output->beside = take_text(&name);
			return true;
		}
		if (errno != EEXIST)
			return false;
	}
	return false;
}

static bool put_in_place(struct output *output)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(output->fd, 0600 & ~mask) < 0)
		return false;
	caller_enter();
	bool is_done =
		(output->beside || give_name(output)) && rename(output->beside, output->path) == 0;

	caller_leave();
	return is_done;
}

bool output_finish(struct output *output, struct error *err)
{
	if (!output->beside && !output->is_nameless)
		return true;
	if (!put_in_place(output))
		return error_sys(err, "write %s", output->path);
	free(output->beside);
	output->beside = NULL;
	return true;
}

void output_drop(struct output *output)
{
	if (output->beside) {
		caller_enter();
		unlink(output->beside);
		caller_leave();
	}
	free(output->beside);
	drop_fd(&output->fd);
	*output = OUTPUT_EMPTY;
}
