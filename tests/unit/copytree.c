/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copytree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/callfilter.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

/*
 * A neighbour that shares the directory replaces a file by a FIFO and back, while the directory is
 * copied again and again. A FIFO stands for a device: opened by mistake, it cannot be copied.
 */

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

#define ROUNDS   4000
#define REPLACED 2 /* races seen are enough */

static atomic_bool is_over;

static void *swap(void *context)
{
	const int *top = context;

	while (!is_over)
		renameat2(top[0], "from/file", top[0], "spare", RENAME_EXCHANGE);
	return NULL;
}

static void make_place(int top)
{
	close(openat(top, "spare", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	if (mkdirat(top, "from", 0700) < 0 || mkdirat(top, "to", 0700) < 0 ||
	    mkfifoat(top, "from/file", 0644) < 0)
		check(false, "make the directories");
}

/* By who looks before he opens, by who compares with what he saw first, and by openat2(2), which
 * sees that a file has left the directory while it was looked up (EXDEV). */
static bool is_expected(const char *text)
{
	return strstr(text, "is not a regular file") || strstr(text, "was replaced meanwhile") ||
	       strstr(text, "Invalid cross-device link");
}

static void test_race(int top)
{
	autoclose int from = openat(top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = openat(top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = { .text = "" };
	pthread_t thread;
	int replaced = 0;

	check(pthread_create(&thread, NULL, swap, &top) == 0, "a neighbour");
	for (int i = 0; i < ROUNDS && replaced < REPLACED; i++) {
		unlinkat(to, "file", 0);
		if (copy_tree(from, to, &err))
			continue;
		replaced++;
		if (!is_expected(err.text))
			break;
	}
	is_over = true;
	pthread_join(thread, NULL);
	check(replaced == 0 || is_expected(err.text), "nothing is opened that is no file: %s",
	      err.text);
}

static void write_in(int dir, const char *name, const char *text)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write %s", name);
}

static ino_t inode_of(int dir, const char *name)
{
	struct stat status;

	return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

static void make_linked(int top)
{
	if (mkdirat(top, "linked", 0700) < 0 || mkdirat(top, "linked/sub", 0700) < 0 ||
	    mkdirat(top, "copy", 0700) < 0)
		check(false, "make the directories");
	write_in(top, "linked/a", "shared");
	write_in(top, "linked/sub/alone", "alone");
	check(linkat(top, "linked/a", top, "linked/sub/b", 0) == 0 &&
		      linkat(top, "linked/a", top, "linked/c", 0) == 0,
	      "link");
}

/* Also where a copy that was cut short, or a stranger, has left something in the way. */
static void test_links(int top)
{
	make_linked(top);
	autoclose int from = openat(top, "linked", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = openat(top, "copy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = { .text = "" };

	for (int round = 0; round < 2; round++) {
		check(copy_tree(from, to, &err), "copied: %s", err.text);
		check(inode_of(to, "a") && inode_of(to, "a") == inode_of(to, "sub/b") &&
			      inode_of(to, "a") == inode_of(to, "c"),
		      "three names of one file");
		check(inode_of(to, "sub/alone") != inode_of(to, "a"), "and another file");
		unlinkat(to, "c", 0);
		check(symlinkat("/etc/passwd", to, "c") == 0, "in the way");
	}
}

/* From now on directories cannot be listed: the disk is broken. */
static bool break_lists(struct error *err)
{
	static const int list[] = { SYS_getdents64 };
	struct callfilter filter;

	callfilter_begin(&filter);
	callfilter_calls(&filter, list, COUNT_OF(list), SECCOMP_RET_ERRNO | EIO);
	return callfilter_load(&filter, SECCOMP_RET_ALLOW, err);
}

/* A directory that ends too early is not taken for a whole one. */
static void test_broken(int top)
{
	autoclose int from = openat(top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = openat(top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (!break_lists(&err))
			_exit(2);
		_exit(!copy_tree(from, to, &err) && err.sys == EIO ? 0 : 1);
	}
	check(child > 0 && waitpid(child, &status, 0) == child, "a process on a broken disk");
	check_int(status, 0, "a directory that cannot be read to its end is a failure");
}

int main(void)
{
	autoclose int top = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_place(top);
	test_links(top);
	test_race(top);
	test_broken(top);
	return tap_done();
}
