/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/newfile.h"
#include "tests/unit/tap.h"

static int dir = -1;

static void check_content(const char *name, const char *want)
{
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 1 << 20);
	if (check_ok(file_read(dir, name, &text, &err), &err, "read %s", name))
		check_text(text.data, want, "content of %s", name);
}

static int count_entries(void)
{
	autodir DIR *entries = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int count = 0;

	while (entries && readdir(entries))
		count++;
	return count - 2; /* without "." and ".." */
}

static void test_read(void)
{
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 10);
	check_error(file_read(dir, "missing", &text, &err), &err, ERROR_NOT_FOUND,
		    "missing: No such file", "a file that is not there");
	check_ok(file_replace(dir, "ten", "0123456789", 10, 0644, FILE_VOLATILE, &err), &err,
		 "write 10 bytes");
	check_ok(file_read(dir, "ten", &text, &err), &err, "read what fits exactly");
	check_text(text.data, "0123456789", "whole");
	buf_clear(&text);
	check_ok(file_replace(dir, "eleven", "0123456789a", 11, 0644, FILE_VOLATILE, &err), &err,
		 "write 11 bytes");
	check_error(file_read(dir, "eleven", &text, &err), &err, ERROR_INPUT,
		    "eleven is larger than 10 bytes", "one byte too many");
	buf_clear(&text);
	check_error(file_read(dir, ".", &text, &err), &err, ERROR_SYSTEM, "Is a directory",
		    "a directory");
	buf_clear(&text);

	autoclose int endless = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	check_error(file_read_fd(endless, "/dev/zero", &text, &err), &err, ERROR_INPUT, "larger",
		    "a file without an end");
}

/* What fstat says of a file is where reading begins, not what is believed. */
static void test_read_sizes(void)
{
	autobuf struct buf text;
	autoclose int file = -1;
	struct error err;

	buf_init(&text, 1 << 20);
	check_ok(file_read(AT_FDCWD, "/proc/self/status", &text, &err), &err,
		 "read a file that says it is empty");
	check(strstr(text.data, "nonvoluntary_ctxt_switches"), "to its last line");
	buf_clear(&text);
	check_ok(file_replace(dir, "ten", "0123456789", 10, 0644, FILE_VOLATILE, &err), &err,
		 "write 10 bytes");
	file = openat(dir, "ten", O_RDONLY | O_CLOEXEC);
	lseek(file, 4, SEEK_SET);
	buf_add_text(&text, "before ");
	check_ok(file_read_fd(file, "ten", &text, &err), &err, "read from the middle on");
	check_text(text.data, "before 456789", "added to what is there");
	check_ok(file_replace(dir, "empty", "", 0, 0644, FILE_VOLATILE, &err), &err,
		 "write nothing");
	check_content("empty", "");
}

static void test_replace(void)
{
	struct stat before, after;
	struct error err;

	umask(077);
	check_ok(file_replace(dir, "file", "one", 3, 0640, FILE_DURABLE, &err), &err, "make");
	check_content("file", "one");
	fstatat(dir, "file", &before, 0);
	check_int(before.st_mode & 07777, 0640, "the mode is as asked, whatever the umask");
	umask(022);
	check_ok(file_replace(dir, "file", "two", 3, 0600, FILE_VOLATILE, &err), &err, "replace");
	check_content("file", "two");
	fstatat(dir, "file", &after, 0);
	check(before.st_ino != after.st_ino, "a reader keeps the old file whole");
	check_ok(file_replace(dir, "file", "", 0, 0600, FILE_VOLATILE, &err), &err, "with nothing");
	check_content("file", "");

	mkdirat(dir, "sub", 0755);
	check_ok(file_replace(dir, "sub/x", "x", 1, 0600, FILE_DURABLE, &err), &err, "in a folder");
	check_content("sub/x", "x");
	check_error(file_replace(dir, "none/x", "x", 1, 0600, FILE_VOLATILE, &err), &err,
		    ERROR_NOT_FOUND, "none/x", "in a folder that is not there");
}

/* A link under the name is replaced, never written through. */
static void test_replace_link(void)
{
	struct error err;
	struct stat status;

	check_ok(file_replace(dir, "victim", "safe", 4, 0600, FILE_VOLATILE, &err), &err, "victim");
	if (!check(symlinkat("victim", dir, "link") == 0, "link"))
		return;
	check_ok(file_replace(dir, "link", "new", 3, 0600, FILE_VOLATILE, &err), &err, "replace");
	check_content("victim", "safe");
	check(fstatat(dir, "link", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode),
	      "the link became a file");
}

/* A write that fails half-way leaves the old file and nothing beside it. */
static void test_replace_fails(void)
{
	struct rlimit small = { 4096, RLIM_INFINITY }, old;
	autofree char *large = mem_alloc(100000);
	int entries = count_entries();
	struct error err;

	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	check(setrlimit(RLIMIT_FSIZE, &small) == 0, "files may have 4096 bytes");

	bool is_replaced = file_replace(dir, "victim", large, 100000, 0600, FILE_DURABLE, &err);

	setrlimit(RLIMIT_FSIZE, &old);
	check_error(is_replaced, &err, ERROR_SYSTEM, "victim: File too large", "it fails");
	check_content("victim", "safe");
	check_int(count_entries(), entries, "nothing is left beside it");
}

/* Two writers and a reader at once: the reader sees one text or the other, whole. */
static void test_replace_is_atomic(void)
{
	enum {
		SIZE = 200000,
		ROUNDS = 200
	};
	autofree char *bytes = mem_alloc(SIZE);
	pid_t writers[2];
	int torn = 0, seen = 0, alive = 2;
	struct error err;

	memset(bytes, 'a', SIZE);
	check_ok(file_replace(dir, "shared", bytes, SIZE, 0644, FILE_VOLATILE, &err), &err,
		 "first");
	for (int i = 0; i < 2; i++) {
		writers[i] = fork();
		if (writers[i] != 0)
			continue;
		memset(bytes, 'b' + i, SIZE);
		for (int round = 0; round < ROUNDS; round++)
			if (!file_replace(dir, "shared", bytes, SIZE, 0644, FILE_VOLATILE, &err))
				_exit(1);
		_exit(0);
	}
	while (alive > 0) {
		autobuf struct buf text;
		int status;

		buf_init(&text, SIZE);
		if (!file_read(dir, "shared", &text, &err) || text.length != SIZE)
			torn++;
		for (size_t i = 1; i < text.length; i++)
			if (text.data[i] != text.data[0]) {
				torn++;
				break;
			}
		seen++;
		while (waitpid(-1, &status, WNOHANG) > 0) {
			check_int(status, 0, "a writer succeeds");
			alive--;
		}
	}
	check_int(torn, 0, "no torn file in %d looks", seen);
}

static void test_lock(void)
{
	autoclose int first = -1, second = -1, third = -1;
	struct error err;

	check_ok(file_lock(dir, "lock", FILE_LOCK_EXCLUSIVE, &first, &err), &err, "lock");
	check_error(file_lock(dir, "lock", FILE_LOCK_TRY, &second, &err), &err, ERROR_EXISTS,
		    "lock is in use by another process", "a second try");
	check_int(second, -1, "gives no descriptor");
	close(take_fd(&first));
	check_ok(file_lock(dir, "lock", FILE_LOCK_SHARED, &first, &err), &err, "shared");
	check_ok(file_lock(dir, "lock", FILE_LOCK_SHARED, &second, &err), &err, "by two");
	check_error(file_lock(dir, "lock", FILE_LOCK_TRY, &third, &err), &err, ERROR_EXISTS,
		    "in use", "keeps a writer out");
	check(fcntl(first, F_GETFD) & FD_CLOEXEC, "no program inherits it");
	check(symlinkat("victim", dir, "lock-link") == 0 &&
		      !file_lock(dir, "lock-link", FILE_LOCK_SHARED, &third, &err),
	      "a link is no lock file");
	check_ok(file_lock_dir(dir, "it", FILE_LOCK_EXCLUSIVE, &third, &err), &err,
		 "lock the directory itself, whoever has files in it");
	check_error(file_lock_dir(dir, "it", FILE_LOCK_TRY, &second, &err), &err, ERROR_EXISTS,
		    "it is in use by another process", "again");
}

static void test_write_to_closed_pipe(void)
{
	int ends[2];
	struct error err;

	signal(SIGPIPE, SIG_IGN);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	close(ends[0]);
	check_error(file_write(ends[1], "the pipe", "x", 1, &err), &err, ERROR_SYSTEM,
		    "the pipe: Broken pipe", "a reader that went away");
	close(ends[1]);
}

static bool is_there(const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

static void test_sweep(void)
{
	struct error err;

	check_ok(file_replace(dir, "kept.json", "1", 1, 0644, FILE_VOLATILE, &err), &err, "make");
	check_ok(file_replace(dir, "kept.json.tmp-1-a", "1", 1, 0644, FILE_VOLATILE, &err), &err,
		 "what a crash leaves");
	file_sweep(dir);
	check(is_there("kept.json") && !is_there("kept.json.tmp-1-a"), "only that is swept");
}

/* Of either way: with nothing, a file and a link in its place; given up; under the longest name. */
static void test_new(void)
{
	static const enum newfile_way ways[] = { NEWFILE_BRIEF, NEWFILE_UNSEEN };
	char longest[NAME_MAX + 1];
	struct newfile file;
	struct error err;

	memset(longest, 'n', NAME_MAX);
	longest[NAME_MAX] = '\0';
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		const char *const names[] = { "fresh", "fresh", "leads", longest, longest };

		check(symlinkat("nowhere", dir, "leads") == 0, "a link is in its place");
		for (size_t j = 0; j < COUNT_OF(names); j++) {
			autobuf struct buf text;

			buf_init(&text, 10);
			check_ok(newfile_open(dir, names[j], ways[i], 0600, &file, &err) &&
					 file_write(file.fd, "it", "new", 3, &err) &&
					 newfile_publish(&file, &err),
				 &err, "way %zu, place %zu", i, j);
			newfile_drop(&file);
			check(file_read(dir, names[j], &text, &err) &&
				      strcmp(text.data, "new") == 0,
			      "it is there");
		}
		check_ok(newfile_open(dir, "fresh", ways[i], 0600, &file, &err), &err, "another");
		newfile_drop(&file);
		check(is_there("fresh") && !is_there("nowhere"), "what is there stays");
		check(unlinkat(dir, "fresh", 0) == 0 && unlinkat(dir, "leads", 0) == 0 &&
			      unlinkat(dir, longest, 0) == 0,
		      "nothing else is");
		check(mkdirat(dir, "fresh", 0700) == 0, "a directory is in its place");
		check_ok(newfile_open(dir, "fresh", ways[i], 0600, &file, &err), &err, "another");
		check_error(newfile_publish(&file, &err), &err, ERROR_SYSTEM,
			    "rename to fresh: Is a directory", "a directory is not replaced");
		newfile_drop(&file);
		check(unlinkat(dir, "fresh", AT_REMOVEDIR) == 0, "and stays empty");
	}
}

static bool write_new(const char *text)
{
	struct newfile file;
	struct error err;
	bool is_done = newfile_open(dir, "kept", NEWFILE_UNSEEN, 0600, &file, &err) &&
		       file_write(file.fd, "it", text, strlen(text), &err) &&
		       newfile_publish(&file, &err);

	newfile_drop(&file);
	return is_done;
}

/* One that was killed between a link and a rename left it; one that is at work holds it; what has
 * its name and is no file is somebody's. */
static void test_abandoned(void)
{
	static const char left[] = "kept.tmp-mooring-0";
	struct error err;

	check(write_new("1"), "it is there");
	check_ok(file_replace(dir, left, "half", 4, 0600, FILE_VOLATILE, &err), &err, "left");
	check(write_new("2") && !is_there(left), "what was abandoned is removed");
	check_ok(file_replace(dir, left, "half", 4, 0600, FILE_VOLATILE, &err), &err, "again");
	autoclose int held = openat(dir, left, O_RDONLY | O_CLOEXEC);
	check(flock(held, LOCK_EX) == 0 && write_new("3") && is_there(left), "what is held stays");
	check(unlinkat(dir, left, 0) == 0 && mkfifoat(dir, left, 0600) == 0, "a FIFO");
	check(write_new("4") && is_there(left), "is none of ours, and nobody waits for it");
	check(unlinkat(dir, left, 0) == 0 && unlinkat(dir, "kept", 0) == 0, "nothing else is");
}

int main(void)
{
	dir = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_read();
	test_read_sizes();
	test_replace();
	test_replace_link();
	test_replace_fails();
	test_replace_is_atomic();
	test_lock();
	test_sweep();
	test_new();
	test_abandoned();
	test_write_to_closed_pipe();
	return tap_done();
}
