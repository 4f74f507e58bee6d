/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/user.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/tap.h"

static int root = -1;
static struct error err;

static void write_tables(void)
{
	static const char passwd[] = "# a comment\nbroken\nroot:x:0:0:root:/root:/bin/sh\n"
				     "app:x:1000:1000::/home/app:/bin/sh\n"
				     "huge:x:4294967296:0::/:/bin/sh\n"
				     "1234:x:77:78::/digits:/bin/sh\n"
				     "mark:#:3000:3001:#5:/mark:/bin/sh\n"
				     "app:x:2000:2000::/second:/bin/sh\n";
	static const char group[] = "root:x:0:\naudio:x:29:other,app\nextra:x:2000:app\n";

	check(mkdirat(root, "etc", 0755) == 0, "make etc");
	check_ok(file_replace(root, "etc/passwd", passwd, sizeof(passwd) - 1, 0644, FILE_VOLATILE,
			      &err),
		 &err, "passwd");
	check_ok(file_replace(root, "etc/group", group, sizeof(group) - 1, 0644, FILE_VOLATILE,
			      &err),
		 &err, "group");
}

static void test_found(void)
{
	static const struct {
		const char *text;
		unsigned int uid, gid;
		size_t groups;
		const char *home;
	} cases[] = {
		{ "", 0, 0, 1, "/root" },
		{ "app", 1000, 1000, 3, "/home/app" },
		{ "1000", 1000, 1000, 3, "/home/app" },
		{ "4321", 4321, 0, 1, "/" },
		{ "mark", 3000, 3001, 1, "/mark" },
		{ "app:audio", 1000, 29, 1, "/home/app" },
		{ "1000:5", 1000, 5, 1, "/home/app" },
		{ ":29", 0, 29, 1, "/root" },
		{ "0:0", 0, 0, 1, "/root" },
	};
	const struct texts none = { 0 };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		struct user user;

		if (!check_ok(user_find(root, &arena, cases[i].text, &none, &user, &err), &err,
			      "%s", cases[i].text))
			continue;
		check_int(user.uid, cases[i].uid, "uid of %s", cases[i].text);
		check_int(user.gid, cases[i].gid, "gid of %s", cases[i].text);
		check_int((long long)user.group_count, (long long)cases[i].groups, "groups of %s",
			  cases[i].text);
		check_text(user.home, cases[i].home, "home of %s", cases[i].text);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "nouser", "unable to find user nouser: no matching entries in passwd file" },
		{ "app:nogroup",
		  "unable to find group nogroup: no matching entries in group file" },
		{ "2147483648", "uids and gids must be in range 0-2147483647" },
		{ "4294967296", "uids and gids must be in range" },
		{ "-1", "uids and gids must be in range 0-2147483647" },
		{ "huge", "unable to find user huge" },
		{ "0:4294967296", "unable to find group" },
	};
	const struct texts none = { 0 };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		struct user user;

		check_error(user_find(root, &arena, cases[i].text, &none, &user, &err), &err,
			    ERROR_INPUT, cases[i].why, "%s", cases[i].text);
	}
}

static void test_groups(void)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts more = { 0 };
	struct user user;

	texts_add(&more, "555");
	texts_add(&more, "audio");
	check_ok(user_find(root, &arena, "app", &more, &user, &err), &err, "--group-add");
	check_int((long long)user.group_count, 4, "each group once");
	texts_add(&more, "nogrp");
	check_error(user_find(root, &arena, "app", &more, &user, &err), &err, ERROR_INPUT,
		    "Unable to find group nogrp", "an unknown group");
}

static bool make_huge(void)
{
	autoclose int file = openat(root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return file >= 0 && ftruncate(file, 1LL << 32) == 0;
}

/* The files are a stranger's: a link out, a FIFO, a directory. */
static void test_hostile(void)
{
	autoarena struct arena arena = { 0 };
	const struct texts none = { 0 };
	struct user user;

	check(unlinkat(root, "etc/passwd", 0) == 0 &&
		      symlinkat("../../../../../../usr/lib/os-release", root, "etc/passwd") == 0,
	      "passwd is a link out of the root");
	check_error(user_find(root, &arena, "daemon", &none, &user, &err), &err, ERROR_INPUT, "",
		    "it leads nowhere");
	check(unlinkat(root, "etc/passwd", 0) == 0 && mkfifoat(root, "etc/passwd", 0644) == 0,
	      "passwd is a FIFO");
	check_error(user_find(root, &arena, "app", &none, &user, &err), &err, ERROR_INPUT,
		    "unable to find user app: /etc/passwd is not a regular file",
		    "it is refused, without waiting");
	check_ok(user_find(root, &arena, "1000", &none, &user, &err), &err, "a number is not");
	check_int(user.uid, 1000, "its uid");
	check(unlinkat(root, "etc/group", 0) == 0 && mkfifoat(root, "etc/group", 0644) == 0,
	      "group is a FIFO");
	check_error(user_find(root, &arena, "0:audio", &none, &user, &err), &err, ERROR_INPUT,
		    "unable to find group audio: /etc/group is not a regular file", "by name");
	check_ok(user_find(root, &arena, "0:29", &none, &user, &err), &err, "by number");
	check_int(user.gid, 29, "its gid");
	check(unlinkat(root, "etc/passwd", 0) == 0 && make_huge(), "passwd has no end");
	check_error(user_find(root, &arena, "app", &none, &user, &err), &err, ERROR_INPUT,
		    "unable to find user app: /etc/passwd is larger than", "by name");
	check_ok(user_find(root, &arena, "1000:29", &none, &user, &err), &err, "by number");
	check(unlinkat(root, "etc/passwd", 0) == 0, "passwd is missing");
	check_ok(user_find(root, &arena, "1000", &none, &user, &err), &err,
		 "a number needs no file");
	check_ok(user_find(root, &arena, "root", &none, &user, &err), &err, "nor does root");
}

int main(void)
{
	root = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_tables();
	test_found();
	test_refused();
	test_groups();
	test_hostile();
	close(root);
	return tap_done();
}
