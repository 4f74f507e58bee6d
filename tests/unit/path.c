/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every case of opening runs twice: by openat2(2), and by the walk for older kernels, which a
 * seccomp filter in a child makes path_open believe it is on.
 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/callfilter.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

/* DIR/root is the root; DIR/secret lies outside. */
static int root = -1, outside = -1;

static void put(int dir, const char *name, const char *text)
{
	struct error err;

	if (!file_replace(dir, name, text, strlen(text), 0644, FILE_VOLATILE, &err))
		check(false, "prepare %s: %s", name, err.text);
}

static void put_link(int dir, const char *name, const char *target)
{
	if (symlinkat(target, dir, name) < 0)
		check(false, "prepare link %s", name);
}

static void prepare(void)
{
	outside = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(outside, "root", 0755);
	root = openat(outside, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(outside, "secret", "secret");
	mkdirat(root, "a", 0755);
	mkdirat(root, "a/b", 0755);
	put(root, "a/b/file", "inside");
	put(root, "secret", "decoy");
	put_link(root, "relative", "a/b");
	put_link(root, "absolute", "/a/b/file");
	put_link(root, "up", "../../secret");
	put_link(root, "to-etc", "/../../../../../etc");
	put_link(root, "loop", "loop");
	put_link(root, "to-proc", "/proc/self/fd");
	put_link(root, "dangling", "nowhere");
	put_link(root, "home", tap_dir());
	put_link(root, "a/parent", "..");
}

static const struct open_case {
	const char *name;
	enum path_rule rule;
	int flags;
	int sys;          /* errno that is wanted, or 0 */
	const char *text; /* content that is wanted; NULL: only that it opens */
} open_cases[] = {
	{ "a/b/file", PATH_IN_ROOT, O_RDONLY, 0, "inside" },
	{ "a/b/file", PATH_BENEATH, O_RDONLY, 0, "inside" },
	{ "a/b/file", PATH_NO_LINKS, O_RDONLY, 0, "inside" },
	{ "/a/b/file", PATH_IN_ROOT, O_RDONLY, 0, "inside" },
	{ "/a/b/file", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "//a//./b///file", PATH_IN_ROOT, O_RDONLY, 0, "inside" },
	{ "a/../a/b/file", PATH_IN_ROOT, O_RDONLY, 0, "inside" },
	{ "a/../a/b/file", PATH_BENEATH, O_RDONLY, 0, "inside" },
	{ "relative/file", PATH_IN_ROOT, O_RDONLY, 0, "inside" },
	{ "relative/file", PATH_BENEATH, O_RDONLY, 0, "inside" },
	{ "relative/file", PATH_NO_LINKS, O_RDONLY, ELOOP, NULL },
	{ "absolute", PATH_IN_ROOT, O_RDONLY, 0, "inside" },
	{ "absolute", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "absolute", PATH_NO_LINKS, O_RDONLY, ELOOP, NULL },
	{ "../secret", PATH_IN_ROOT, O_RDONLY, 0, "decoy" },
	{ "../secret", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "../secret", PATH_NO_LINKS, O_RDONLY, EXDEV, NULL },
	{ "a/../../secret", PATH_IN_ROOT, O_RDONLY, 0, "decoy" },
	{ "a/../../secret", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "up", PATH_IN_ROOT, O_RDONLY, 0, "decoy" },
	{ "up", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "a/parent/secret", PATH_IN_ROOT, O_RDONLY, 0, "decoy" },
	{ "a/parent/../../../secret", PATH_IN_ROOT, O_RDONLY, 0, "decoy" },
	{ "a/parent/../secret", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "to-etc", PATH_IN_ROOT, O_RDONLY, ENOENT, NULL },
	{ "to-etc/passwd", PATH_IN_ROOT, O_RDONLY, ENOENT, NULL },
	{ "to-etc/passwd", PATH_BENEATH, O_RDONLY, EXDEV, NULL },
	{ "home/secret", PATH_IN_ROOT, O_RDONLY, ENOENT, NULL },
	{ "to-proc/0", PATH_IN_ROOT, O_RDONLY, ENOENT, NULL },
	{ "loop", PATH_IN_ROOT, O_RDONLY, ELOOP, NULL },
	{ "loop/x", PATH_BENEATH, O_RDONLY, ELOOP, NULL },
	{ "dangling", PATH_IN_ROOT, O_RDONLY, ENOENT, NULL },
	{ "relative", PATH_IN_ROOT, O_RDONLY | O_NOFOLLOW, ELOOP, NULL },
	{ "up", PATH_BENEATH, O_PATH | O_NOFOLLOW, 0, NULL },
	{ "a/b/file/x", PATH_IN_ROOT, O_RDONLY, ENOTDIR, NULL },
	{ "a/b/file", PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, ENOTDIR, NULL },
	{ "missing/x", PATH_IN_ROOT, O_RDONLY, ENOENT, NULL },
	{ "new", PATH_IN_ROOT, O_RDWR | O_CREAT | O_EXCL, 0, "" },
	{ "absolute", PATH_IN_ROOT, O_RDWR | O_CREAT | O_EXCL, EEXIST, NULL },
	{ "", PATH_BENEATH, O_RDONLY | O_DIRECTORY, 0, NULL },
	{ ".", PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, NULL },
	{ "/", PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, NULL },
	{ "..", PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, NULL },
};

static void check_case(const struct open_case *test, const char *how)
{
	autobuf struct buf text;
	autoclose int fd = -1;
	struct error err;
	bool is_open = path_open(root, test->name, test->rule, test->flags, 0644, &fd, &err);

	buf_init(&text, 1000);
	if (test->sys) {
		check_int(is_open ? 0 : err.sys, test->sys, "%s: \"%s\" under rule %d is refused",
			  how, test->name, (int)test->rule);
		return;
	}
	if (!check_ok(is_open, &err, "%s: \"%s\" under rule %d", how, test->name,
		      (int)test->rule) ||
	    !test->text)
		return;
	if (file_read_fd(fd, test->name, &text, &err))
		check_text(text.data, test->text, "%s: content of \"%s\"", how, test->name);
	if (test->flags & O_CREAT)
		unlinkat(root, test->name, 0);
}

static void test_open(const char *how)
{
	autoclose int fd = -1;
	struct error err;
	struct stat ours, theirs;
	char long_name[6000];

	for (size_t i = 0; i < COUNT_OF(open_cases); i++)
		check_case(&open_cases[i], how);

	if (check_ok(path_open(root, "../../..", PATH_IN_ROOT, O_PATH, 0, &fd, &err), &err,
		     "%s: up beyond the root", how)) {
		fstat(root, &ours);
		fstat(fd, &theirs);
		check(ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev,
		      "%s: stays at the root", how);
		check(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s: close-on-exec", how);
	}
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	check(!path_open(root, long_name, PATH_IN_ROOT, O_PATH, 0, &fd, &err),
	      "%s: a name of 6000 letters", how);
	for (size_t i = 0; i + 1 < sizeof(long_name) / 2; i += 2)
		memcpy(long_name + i, "./", 2);
	long_name[3000] = '\0';
	take_fd(&fd);
	check_ok(path_open(root, long_name, PATH_IN_ROOT, O_PATH, 0, &fd, &err), &err,
		 "%s: a thousand dots", how);
}

/* It is not taken for the end of the path, which would be the directory around it. */
static void test_long_component(const char *how)
{
	char name[NAME_MAX + 2];
	autoclose int fd = -1;
	struct error err;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	check_int(path_open(root, name, PATH_IN_ROOT, O_PATH, 0, &fd, &err) ? 0 : err.sys,
		  ENAMETOOLONG, "%s: a component that no file system takes", how);
	check(!path_make_dirs(root, name, 0755, &fd, &err), "%s: cannot be made either", how);
}

/* The magic link /proc/self/fd/N would lead to an open file whatever the root: never followed. */
static void test_magic_links(const char *how)
{
	autoclose int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = -1;
	struct error err;
	char name[64];

	snprintf(name, sizeof(name), "self/fd/%d/secret", outside);
	check(!path_open(proc, name, PATH_IN_ROOT, O_RDONLY, 0, &fd, &err),
	      "%s: a magic link to a directory outside is not followed", how);
	snprintf(name, sizeof(name), "self/root/etc/passwd");
	check(!path_open(proc, name, PATH_IN_ROOT, O_RDONLY, 0, &fd, &err),
	      "%s: nor /proc/self/root", how);
	check(!path_open(proc, "self/cwd", PATH_BENEATH, O_PATH, 0, &fd, &err),
	      "%s: nor /proc/self/cwd", how);
}

struct race {
	volatile bool is_over;
};

/* Swaps the directory "door" for a link to the outside and back, as fast as it can. */
static void *swap(void *context)
{
	struct race *race = context;

	while (!race->is_over)
		syscall(SYS_renameat2, root, "door", root, "trap", 2 /* RENAME_EXCHANGE */);
	return NULL;
}

static void test_race(const char *how)
{
	struct race race = { false };
	int escapes = 0, decoys = 0;
	pthread_t swapper;
	struct error err;

	mkdirat(root, "door", 0755);
	put(root, "door/secret", "decoy");
	put_link(root, "trap", "..");
	if (pthread_create(&swapper, NULL, swap, &race) != 0)
		return;
	for (int i = 0; i < 4000; i++) {
		autobuf struct buf text;
		autoclose int fd = -1;

		buf_init(&text, 100);
		if (!path_open(root, "door/../door/secret", i % 2 ? PATH_IN_ROOT : PATH_BENEATH,
			       O_RDONLY, 0, &fd, &err) ||
		    !file_read_fd(fd, "secret", &text, &err))
			continue;
		escapes += strcmp(text.data, "secret") == 0;
		decoys += strcmp(text.data, "decoy") == 0;
	}
	race.is_over = true;
	pthread_join(swapper, NULL);
	check_int(escapes, 0, "%s: no way out while a directory is swapped for a link", how);
	check(decoys > 0, "%s: and the way in was open at times", how);
	check_ok(path_remove_tree(root, "door", &err) && path_remove_tree(root, "trap", &err), &err,
		 "%s: clean up", how);
}

static void test_make_dirs(const char *how)
{
	static const struct {
		const char *name;
		const char *place; /* below the root; NULL: must be refused */
	} cases[] = {
		{ "new/deep/er", "new/deep/er" },
		{ "/new/deep/er", "new/deep/er" },
		{ "relative/made", "a/b/made" },
		{ "a/parent/side", "side" },
		{ "missing/../../escaped", NULL },
		{ "missing/../escaped", NULL },
		{ "a/missing/../../../escaped", NULL },
		{ "../../escaped", "escaped" },
		{ "home/escaped", NULL },
		{ "dangling/x", NULL },
		{ "a/b/file/x", NULL },
		{ "loop/x", NULL },
		{ "", "." },
		{ "/", "." },
	};
	struct stat made, wanted;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoclose int fd = -1;
		bool is_made = path_make_dirs(root, cases[i].name, 0750, &fd, &err);

		if (!cases[i].place) {
			check(!is_made, "%s: \"%s\" is refused", how, cases[i].name);
			check(faccessat(outside, "escaped", F_OK, AT_SYMLINK_NOFOLLOW) < 0,
			      "%s: \"%s\" makes nothing outside", how, cases[i].name);
			continue;
		}
		if (!check_ok(is_made, &err, "%s: make \"%s\"", how, cases[i].name))
			continue;
		fstat(fd, &made);
		if (check(fstatat(root, cases[i].place, &wanted, 0) == 0, "%s: %s is there", how,
			  cases[i].place))
			check_int((long long)made.st_ino, (long long)wanted.st_ino,
				  "%s: \"%s\" is %s", how, cases[i].name, cases[i].place);
	}
	check(path_remove_tree(root, "new", &err) && path_remove_tree(root, "side", &err) &&
		      path_remove_tree(root, "escaped", &err) &&
		      path_remove_tree(root, "a/b/made", &err),
	      "%s: clean up", how);
}

static void test_past_links(const char *how)
{
	static const struct {
		const char *name;
		const char *wanted; /* NULL: refused */
	} cases[] = {
		{ "/dangling", "/nowhere" },
		{ "/dangling/x/y", "/nowhere/x/y" },
		{ "/to-etc/passwd", "/../../../../../etc/passwd" },
		{ "/a/aside", "/a/b/../new/file" },
		{ "/relative/new", "/relative/new" },
		{ "/plain/new", "/plain/new" },
		{ "/loop", NULL },
		{ "/endless", NULL },
		{ "/a/b/file/x", NULL },
		{ "/dangling/../x", NULL },
	};
	struct error err;

	put_link(root, "a/aside", "b/../new/file");
	put_link(root, "endless", "endless/x");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autofree char *path = path_past_links(root, cases[i].name, &err);

		if (!cases[i].wanted)
			check(!path, "%s: past the links of \"%s\" is nothing", how, cases[i].name);
		else if (check_ok(path != NULL, &err, "%s: past the links of \"%s\"", how,
				  cases[i].name))
			check_text(path, cases[i].wanted, "%s: \"%s\"", how, cases[i].name);
	}
	check(unlinkat(root, "a/aside", 0) == 0 && unlinkat(root, "endless", 0) == 0,
	      "%s: clean up", how);
}

static void test_all_opens(const char *how)
{
	test_open(how);
	test_long_component(how);
	test_magic_links(how);
	test_make_dirs(how);
	test_past_links(how);
	test_race(how);
}

/* Down into a deep directory, and up and down again: as many steps as there are levels each time.
 * The kernel looks at its parents and needs few; a walk that begins anew gives up. */
static void test_long_way(const char *how, bool is_refused)
{
	enum {
		LEVELS = 500,
		TURNS = 400
	};
	autoclose int top = -1, fd = -1;
	char name[2 * LEVELS + 5 * TURNS + 1], *end = name;
	struct error err;

	if (!check_ok(path_make_dirs(root, "deep", 0755, &top, &err), &err, "%s: prepare", how))
		return;
	for (int i = 0; i < LEVELS; i++) {
		mkdirat(top, "d", 0755);
		int next = openat(top, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(top);
		top = next;
		end = stpcpy(end, "d/");
	}
	for (int i = 0; i < TURNS; i++)
		end = stpcpy(end, "../d/");

	autoclose int below = openat(root, "deep", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool is_open = path_open(below, name, PATH_IN_ROOT, O_PATH, 0, &fd, &err);

	if (is_refused)
		check(!is_open && err.sys == ELOOP, "%s: a way of 200,000 steps is refused", how);
	else
		check_ok(is_open, &err, "%s: a way of 200,000 steps", how);
	check_ok(path_remove_tree(root, "deep", &err), &err, "%s: remove it", how);
}

/* From here on openat2 fails as on a kernel that does not have it. */
static bool forget_openat2(void)
{
	static const int call[] = { SYS_openat2 };
	struct callfilter filter;
	struct error ignored;

	callfilter_begin(&filter);
	callfilter_calls(&filter, call, COUNT_OF(call), SECCOMP_RET_ERRNO | ENOSYS);
	return callfilter_load(&filter, SECCOMP_RET_ALLOW, &ignored);
}

static void make_chain(const char *below, int number, int levels)
{
	autoclose int dir = openat(root, below, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[16];

	snprintf(name, sizeof(name), "d%d", number);
	for (int i = 0; i < levels; i++) {
		mkdirat(dir, name, 0755);

		int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(dir);
		dir = next;
	}
	put(dir, "bottom", "x");
}

static void test_remove_tree(void)
{
	struct error err;
	char name[64];

	check_ok(path_remove_tree(root, "not-there", &err), &err, "removing nothing succeeds");

	int64_t bytes = 1000;

	mkdirat(root, "counted", 0755);
	mkdirat(root, "counted/in", 0755);
	put(root, "counted/in/file", "12345");
	if (linkat(root, "counted/in/file", root, "counted/other", 0) < 0 ||
	    linkat(root, "counted/in/file", root, "kept", 0) < 0)
		check(false, "prepare links");
	put(root, "counted/single", "123");
	put_link(root, "counted/link", "single");
	check_ok(path_remove_counted(root, "counted", &bytes, &err), &err, "remove and count");
	check_int(bytes, 1003, "what is still named elsewhere is not gone");
	check_ok(path_remove_counted(root, "kept", &bytes, &err), &err, "remove one file");
	check_int(bytes, 1008, "its last name counts");

	mkdirat(root, "tree", 0755);
	put(root, "tree/file", "x");
	put_link(root, "tree/link", "../../secret");
	put_link(root, "tree/up", "../..");
	mkdirat(root, "tree/closed", 0000);
	check_ok(path_remove_tree(root, "tree", &err), &err, "remove a tree with links");
	check(faccessat(outside, "secret", F_OK, 0) == 0, "links in it were not followed");
	check(faccessat(root, "tree", F_OK, 0) < 0, "the tree is gone");

	put_link(root, "link", "a");
	check_ok(path_remove_tree(root, "link", &err), &err, "remove a link to a directory");
	check(faccessat(root, "a/b/file", F_OK, 0) == 0, "what it named stays");

	/* Deeper than any path and any number of open files, and with the names that the removal
	 * itself uses for moving. */

	mkdirat(root, "deep", 0755);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "deep/.removed-%d", i);
		mkdirat(root, name, 0755);
		snprintf(name, sizeof(name), "deep/.removed-%d/x", i);
		put(root, name, "x");
	}
	for (int i = 0; i < 20; i++) /* in whatever order the file system lists them */
		make_chain("deep", i, i == 0 ? 2000 : 20);
	check_ok(path_remove_tree(root, "deep", &err), &err, "remove 2,000 levels");
	check(faccessat(root, "deep", F_OK, 0) < 0, "the deep tree is gone");
}

static void test_components(void)
{
	static const char *const good[] = { "a", "...", ".hidden", "a b", "-", "\xff" };
	static const char *const bad[] = { "", ".", "..", "/", "a/", "/a", "a/b", "../a" };

	for (size_t i = 0; i < COUNT_OF(good); i++)
		check(path_is_component(good[i]), "\"%s\" is a component", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check(!path_is_component(bad[i]), "\"%s\" is none", bad[i]);
}

static void test_clean(void)
{
	static const struct {
		const char *path;
		const char *clean;
	} cases[] = {
		{ "/", "/" },
		{ "", "/" },
		{ "/a/b", "/a/b" },
		{ "/a/../b/./c", "/b/c" },
		{ "//a///b//", "/a/b" },
		{ "/..", "/" },
		{ "/../../a", "/a" },
		{ "/a/b/../../../../c", "/c" },
		{ "/a/...", "/a/..." },
		{ "/a/..b/.c", "/a/..b/.c" },
		{ "a/b", "/a/b" },
		{ "../a", "/a" },
		{ ".", "/" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autofree char *clean = path_clean(cases[i].path);

		check_text(clean, cases[i].clean, "\"%s\" made clean", cases[i].path);
	}
}

static void test_parent(void)
{
	static const struct {
		const char *path, *parent;
	} cases[] = { { "a/b", "a" }, { "b", "." }, { "/b", "/" }, { "/a/b/c", "/a/b" } };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autofree char *parent = path_parent(cases[i].path);

		check_text(parent, cases[i].parent, "what holds \"%s\"", cases[i].path);
	}
}

static void test_own_dirs(void)
{
	autofree char *name = mem_printf("%s/own/x//y/", tap_dir());
	autofree char *file = mem_printf("%s/secret/x", tap_dir());
	struct error err;

	check_ok(path_make_own_dirs(name, 0700, &err), &err, "make our own directories");
	check_ok(path_make_own_dirs(name, 0700, &err), &err, "and again");
	check(access(name, F_OK) == 0, "they are there");
	check_error(path_make_own_dirs(file, 0700, &err), &err, ERROR_SYSTEM, "Not a directory",
		    "below a file");

	autoclose int made = -1, shared = -1;

	check_ok(path_open_own_dir(name, 0700, &made, &err), &err, "open one that is ours alone");
	check(chmod(name, 0770) == 0, "let others write to it");
	check_error(path_open_own_dir(name, 0700, &shared, &err), &err, ERROR_DENIED,
		    "others may write to directory", "one that others may write to");
}

int main(void)
{
	prepare();
	test_components();
	test_clean();
	test_parent();
	test_own_dirs();
	test_remove_tree();
	test_all_opens("openat2");
	test_long_way("openat2", false);
	if (check(forget_openat2(), "forget openat2")) {
		test_all_opens("walk");
		test_long_way("walk", true);
	}
	return tap_done();
}
