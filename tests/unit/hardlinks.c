/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hardlinks.h"

#include <string.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

/* Enough for a look through all of them, each time, never to end. */
#define FILES 300000

static const char *first_of(struct hardlinks *links, dev_t device, ino_t inode, const char *path)
{
	const struct stat info = { .st_dev = device, .st_ino = inode };
	const char *first = "no room";
	struct error ignored;

	return hardlinks_first(links, &info, path, &first, &ignored) ? first : "no room";
}

static void test_names(void)
{
	struct hardlinks links = { 0 };

	check(!first_of(&links, 1, 7, "a"), "the first name is the file's");
	check_text(first_of(&links, 1, 7, "b"), "a", "the second is a link to it");
	check(!first_of(&links, 2, 7, "c"), "a file of that number on another disk");
	check_text(first_of(&links, 2, 7, "d"), "c", "has links of its own");
	hardlinks_done(&links);
	check(!first_of(&links, 1, 7, "e"), "nothing is known afterwards");
	hardlinks_done(&links);
}

/* Neighbours, as an idle disk gives them out; and those with the last bits in common. */
static void test_many(ino_t step, const char *what)
{
	struct hardlinks links = { 0 };
	size_t first = 0, linked = 0;

	for (ino_t i = 1; i <= FILES; i++)
		first += !first_of(&links, 1, i * step, "x");
	for (ino_t i = 1; i <= FILES; i++)
		linked += first_of(&links, 1, i * step, "y") != NULL;
	check_int((long long)first, FILES, "files whose numbers are %s", what);
	check_int((long long)linked, FILES, "their links");
	hardlinks_done(&links);
}

static void test_room(void)
{
	struct hardlinks links = { 0 };
	char path[1 << 20];
	size_t kept = 0;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (ino_t i = 1; i <= 100; i++)
		kept += !first_of(&links, 1, i, path);
	check_int((long long)kept, HARDLINKS_TEXT_MAX / (1 << 20), "names are kept up to a limit");
	check_text(first_of(&links, 1, 1, "y"), path, "what is known has its links beyond it");
	hardlinks_done(&links);
}

int main(void)
{
	test_names();
	test_room();
	test_many(1, "neighbours");
	test_many((ino_t)1 << 32, "alike");
	return tap_done();
}
