/* SPDX-License-Identifier: Apache-2.0 */
/* As root also that files are opened as somebody else, and that we come back. */
#include "lifecycle/stream/filegrant.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tap.h"

static char base[128], work[160];

static char *at(const char *name)
{
	return mem_printf("%s/%s", work, name);
}

static void make_file(const char *path, mode_t mode)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, "x", 1) != 1 || fchmod(fd, mode) != 0) {
		perror(path);
		exit(1);
	}
}

static void link_to(const char *target, const char *name)
{
	autofree char *path = at(name);

	if (symlink(target, path) != 0) {
		perror(path);
		exit(1);
	}
}

static void make_world(void)
{
	snprintf(work, sizeof(work), "%s/work", base);

	autofree char *secret = mem_printf("%s/secret", base),
		      *beside = mem_printf("%s-beside", work);
	autofree char *file = at("file"), *dir = at("dir"), *inner = at("dir/inner");
	autofree char *fifo = at("fifo");

	if (chmod(base, 0755) != 0 || mkdir(work, 0755) != 0 || mkdir(dir, 0755) != 0 ||
	    mkfifo(fifo, 0644) != 0)
		exit(1);
	make_file(secret, 0644);
	make_file(beside, 0644);
	make_file(file, 0644);
	make_file(inner, 0644);
	link_to("file", "inside");
	link_to(secret, "absolute");
	link_to("../secret", "relative");
	link_to("..", "up");
	link_to("/proc/self/root/etc/passwd", "magic");
	link_to("loop", "loop");
}

static const struct {
	const char *name; /* below the work directory; one with a leading '=' is as it is */
	enum error_kind kind;
	const char *part; /* NULL: it is opened */
} cases[] = {
	{ "file", 0, NULL },
	{ "/file", 0, NULL },
	{ "dir/inner", 0, NULL },
	{ "dir/../file", 0, NULL },
	{ "inside", 0, NULL },
	{ "none", ERROR_NOT_FOUND, "No such file" },
	{ "absolute", ERROR_DENIED, "leads out" },
	{ "relative", ERROR_DENIED, "leads out" },
	{ "up/secret", ERROR_DENIED, "leads out" },
	{ "../secret", ERROR_DENIED, "leads out" },
	{ "magic", ERROR_DENIED, "leads out" },
	{ "loop", ERROR_DENIED, "leads out" },
	{ "dir", ERROR_INPUT, "not a regular file" },
	{ "fifo", ERROR_INPUT, "not a regular file" },
	{ "", ERROR_DENIED, "not below" },
	{ "=/etc/passwd", ERROR_DENIED, "not below the component's directories" },
	{ "=/dev/null", ERROR_DENIED, "not below" },
	{ "=", ERROR_DENIED, "not below" },
};

static void test_cases(void)
{
	const char *const directories[] = { "/nowhere", work, NULL };
	const struct file_grant grant = { .directories = directories };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autofree char *path =
			cases[i].name[0] == '=' ? mem_strdup(cases[i].name + 1) : at(cases[i].name);
		autoclose int fd = -1;
		struct error err = { 0 };
		bool is_open = file_grant_open(&grant, path, &fd, &err);

		if (cases[i].part)
			check_error(is_open, &err, cases[i].kind, cases[i].part, "%s",
				    cases[i].name);
		else
			check_ok(is_open && fd >= 0, &err, "%s", cases[i].name);
	}
}

/* The prefix of a name is no directory above it. */
static void test_beside(void)
{
	const char *const directories[] = { work, NULL };
	const struct file_grant grant = { .directories = directories };
	autofree char *path = mem_printf("%s-beside", work);
	autoclose int fd = -1;
	struct error err = { 0 };

	check_error(file_grant_open(&grant, path, &fd, &err), &err, ERROR_DENIED, "not below",
		    "work-beside");
}

static void test_as_somebody(void)
{
	const char *const directories[] = { work, NULL };
	struct account account = { .uid = 65534, .gid = 65534, .name = "nobody" };
	const struct file_grant grant = { .directories = directories, .account = &account };
	autofree char *ours = at("ours"), *group = at("group"), *file = at("file");
	autoclose int fd = -1;
	struct error err = { 0 };

	make_file(ours, 0600);
	make_file(group, 0040);
	check_error(file_grant_open(&grant, ours, &fd, &err), &err, ERROR_DENIED,
		    "Permission denied", "root's own file");
	check_error(file_grant_open(&grant, group, &fd, &err), &err, ERROR_DENIED,
		    "Permission denied", "root's groups are not taken along");
	check_ok(file_grant_open(&grant, file, &fd, &err), &err, "a file for all");

	autoclose int again = open(ours, O_RDWR | O_CLOEXEC);

	check(again >= 0, "we are ourselves again");
	if (check(chown(group, 65534, 65534) == 0 && chmod(group, 0600) == 0, "his file")) {
		close(fd);
		check_ok(file_grant_open(&grant, group, &fd, &err), &err, "is opened");
	}
}

int main(void)
{
	snprintf(base, sizeof(base), "%s", tap_dir());
	make_world();
	test_cases();
	test_beside();
	if (geteuid() == 0)
		test_as_somebody();
	return tap_done();
}
