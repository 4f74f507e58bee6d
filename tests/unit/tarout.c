/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tarout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

/* What stands in the file that tarout wrote. */
static void read_back(int fd, struct buf *text)
{
	struct error err;

	buf_clear(text);
	check_ok(lseek(fd, 0, SEEK_SET) == 0 && file_read_fd(fd, "archive", text, &err), &err,
		 "read it back");
}

/* "LENGTH key=value\n": LENGTH counts all of it, itself included, also where it gains a digit. */
static void test_records(void)
{
	for (size_t size = 0; size < 1200; size++) {
		autofree char *value = mem_alloc(size + 1);
		autobuf struct buf extra;
		char *end;

		memset(value, 'v', size);
		buf_init(&extra, 4096);
		tarout_add_record(&extra, "key", value, size);
		if (strtoul(extra.data, &end, 10) != extra.length || *end != ' ')
			check(false, "a record of %zu bytes says %.8s", extra.length, extra.data);
	}
	check(true, "records of all lengths");
}

static void test_entries(void)
{
	struct tarout tar;
	struct error err;
	autobuf struct buf text;
	autoclose int fd = memfd_create("archive", MFD_CLOEXEC);
	char name[201];

	memset(name, 'n', 200);
	name[200] = '\0';
	buf_init(&text, 1 << 20);
	tarout_open(&tar, fd);

	const struct tarout_entry file = { .type = TAROUT_FILE,
					   .path = name,
					   .mode = 0100644,
					   .uid = 3000000,
					   .mtime = -5,
					   .size = 3 };
	const struct tarout_entry dir = { .type = TAROUT_DIRECTORY, .path = "d", .mode = 0755 };

	check_ok(tarout_put(&tar, &file, &err) && tarout_data(&tar, "ab", 2, &err), &err,
		 "a file with all that ustar cannot hold");
	check(!tarout_data(&tar, "cd", 2, &err), "more than was said is refused");
	check_ok(tarout_put(&tar, &dir, &err) && tarout_end(&tar, &err), &err, "a directory");
	tarout_close(&tar);
	read_back(fd, &text);
	check_int(text.length, 512 * 7,
		  "records in all"); /* x, its content, file, data, dir, two */
	check(text.data[156] == 'x' && strstr(text.data + 512, "12 mtime=-5\n") &&
		      strstr(text.data + 512, "15 uid=3000000\n") &&
		      strstr(text.data + 512, "path=nnn"),
	      "the PAX header has it: %.60s", text.data + 512);
	check(memcmp(text.data + 512 * 3, "ab\0", 4) == 0, "a file that shrank is filled up");
	check_text(text.data + 512 * 4, "d/", "the directory's name");
}

static void test_a_huge_file(void)
{
	struct tarout tar;
	struct error err;
	autobuf struct buf text;
	autoclose int fd = memfd_create("archive", MFD_CLOEXEC);
	const struct tarout_entry file = { .type = TAROUT_FILE, .path = "f", .size = 8LL << 30 };

	buf_init(&text, 1 << 20);
	tarout_open(&tar, fd);
	check_ok(tarout_put(&tar, &file, &err), &err, "8 GiB");
	tar.left = tar.padding = 0; /* nobody writes them here */
	check_ok(tarout_end(&tar, &err), &err, "the end");
	tarout_close(&tar);
	read_back(fd, &text);
	check(strstr(text.data + 512, "19 size=8589934592\n") != NULL, "its size is a record");
}

int main(void)
{
	test_records();
	test_entries();
	test_a_huge_file();
	return tap_done();
}
