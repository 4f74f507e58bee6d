/* SPDX-License-Identifier: Apache-2.0 */
#include "image/dirs.h"

#include <stdio.h>
#include <string.h>

#include "image/limits.h"
#include "tests/unit/tap.h"

static void test_put(void)
{
	struct dirs dirs = { 0 };
	struct error err = { 0 };
	struct dir *dir;

	check_ok(dirs_put(&dirs, 7, "a", true, &dir, &err), &err, "put");
	dir->is_opaque = true;
	check_ok(dirs_put(&dirs, 7, "b", false, &dir, &err), &err, "met again");
	check(strcmp(dirs_path(&dirs, dir), "a") == 0 && dir->is_opaque, "what is known stays");
	check_ok(dirs_put(&dirs, 7, "c", true, &dir, &err), &err, "another of this inode");
	check(strcmp(dirs_path(&dirs, dir), "c") == 0 && !dir->is_opaque,
	      "what was known is forgotten");
	check_int((long long)dirs.count, 1, "how many");
	check(dirs_find(&dirs, 7) == dir && !dirs_find(&dirs, 8), "found by inode");
	dirs_done(&dirs);
}

static void test_many(void)
{
	const unsigned int many = 10000;
	struct dirs dirs = { 0 };
	struct error err = { 0 };
	unsigned int right = 0;
	char path[16];
	struct dir *dir;

	for (unsigned int i = 0; i < many; i++) {
		snprintf(path, sizeof(path), "d%u", i);
		if (!dirs_put(&dirs, 1 + 7919 * (ino_t)i, path, true, &dir, &err))
			break;
		dir->mtime.tv_sec = i;
	}
	for (unsigned int i = 0; i < many; i++) {
		snprintf(path, sizeof(path), "d%u", i);
		dir = dirs_find(&dirs, 1 + 7919 * (ino_t)i);
		right += dir && dir == &dirs.list[i] && dir->mtime.tv_sec == i &&
			 strcmp(dirs_path(&dirs, dir), path) == 0;
	}
	check_int(right, many, "each is found, in the order in which they were met");
	dirs_done(&dirs);
}

/* A layer that makes and removes a directory again and again keeps a disk busy with few bytes. */
static void test_made_again(void)
{
	const int most = LIMIT_LAYER_DIRECTORIES / LIMIT_ENTRY_PATH;
	char path[LIMIT_ENTRY_PATH];
	struct dirs dirs = { 0 };
	struct error err = { 0 };
	struct dir *dir;
	int times = 0;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	while (times < most && dirs_put(&dirs, 7, path, true, &dir, &err))
		times++;
	check(times < most, "work has a limit: %d times", times);
	dirs_done(&dirs);
}

int main(void)
{
	test_put();
	test_many();
	test_made_again();
	return tap_done();
}
