/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copytree.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int main(void)
{
	autoclose int top = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_place(top);
	test_race(top);
	return tap_done();
}
