/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rdt.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/tap.h"

/*
 * A directory stands in for resctrl: where the kernel would make a group's files with the group,
 * the test does.
 */

#define ID "web"

static void make_group(struct arena *arena, const char *root, const char *name)
{
	static const char *const files[] = { "tasks", "schemata" };

	mkdir(arena_printf(arena, "%s/%s", root, name), 0755);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		close(open(arena_printf(arena, "%s/%s/%s", root, name, files[i]),
			   O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static void check_file(struct arena *arena, const char *group, const char *file, const char *wanted)
{
	autobuf struct buf text = { 0 };
	struct error err;
	char *name = arena_printf(arena, "%s/%s", group, file);

	buf_init(&text, 4096);
	if (check_ok(file_read(AT_FDCWD, name, &text, &err), &err, "read %s", file))
		check_text(text.data ? text.data : "", wanted, "%s", file);
}

static void test_class(struct arena *arena, const char *root)
{
	const char *more[] = { "L2:0=3", NULL };
	struct spec_rdt wanted = { .class_id = "gold",
				   .l3 = "L3:0=f\nMB:0=99",
				   .mb = "MB:0=20",
				   .schemata = more,
				   .schema_count = 1 };
	struct rdt rdt;
	struct error err;

	make_group(arena, root, "gold");
	if (!check_ok(rdt_find(arena, root, &wanted, ID, &rdt, &err), &err, "a class") ||
	    !check_ok(rdt_make(&rdt, &wanted, &err), &err, "make") ||
	    !check_ok(rdt_join(&rdt, 42, &err), &err, "join"))
		return;
	check_file(arena, rdt.group, "schemata", "L3:0=f\nMB:0=20\nL2:0=3\n");
	check_file(arena, rdt.group, "tasks", "42");
	check_ok(rdt_remove(&rdt, &err), &err, "remove");
	check(access(rdt.group, F_OK) == 0, "a class of others stays");
}

static void test_own(struct arena *arena, const char *root)
{
	struct spec_rdt wanted = { .has_monitoring = true };
	struct rdt rdt;
	struct error err;

	if (!check_ok(rdt_find(arena, root, &wanted, ID, &rdt, &err), &err, "a group of its own"))
		return;
	check_text(rdt.group, arena_printf(arena, "%s/" ID, root), "named after the container");
	mkdir(rdt.group, 0755);
	mkdir(arena_printf(arena, "%s/mon_groups", rdt.group), 0755);
	check_ok(rdt_make(&rdt, &wanted, &err), &err, "make with a monitor");
	check(access(rdt.monitor, F_OK) == 0, "the monitor is there");
	/* The kernel would take mon_groups with the group. */
	struct rdt monitor = { .root = root, .monitor = rdt.monitor };

	check_ok(rdt_remove(&monitor, &err), &err, "remove the monitor");
	rmdir(arena_printf(arena, "%s/mon_groups", rdt.group));
	check_ok(rdt_remove(&rdt, &err), &err, "remove the group");
	check(access(rdt.group, F_OK) < 0, "it is gone");
	check_ok(rdt_remove(&rdt, &err), &err, "and may be gone already");
}

static void test_refused(struct arena *arena, const char *root)
{
	struct spec_rdt unknown = { .class_id = "silver" }, reserved = { .class_id = "info" };
	struct spec_rdt bad = { .class_id = "gone", .mb = "MB:0=1" };
	struct rdt rdt;
	struct error err;
	char *status = arena_printf(arena, "%s/info/last_cmd_status", root);

	check_error(rdt_find(arena, root, &unknown, ID, &rdt, &err), &err, ERROR_INPUT, "closID",
		    "a class that is not there, and no schema");
	check_error(rdt_find(arena, root, &reserved, ID, &rdt, &err), &err, ERROR_INPUT,
		    "resctrl keeps the name info for itself", "a reserved name");
	mkdir(arena_printf(arena, "%s/info", root), 0755);
	check_ok(file_replace(AT_FDCWD, status, "Mask too wide\n", 14, 0644, FILE_VOLATILE, &err),
		 &err, "the kernel's explanation");
	if (check_ok(rdt_find(arena, root, &bad, ID, &rdt, &err), &err, "a class to be made"))
		check_error(rdt_make(&rdt, &bad, &err), &err, ERROR_NOT_FOUND,
			    "schemata: Mask too wide", "the kernel's reason is told");
}

static void test_none(struct arena *arena)
{
	struct spec_rdt wanted = { .mb = "MB:0=1" };
	struct rdt rdt;
	struct error err;

	check_ok(rdt_find(arena, NULL, NULL, ID, &rdt, &err), &err, "nothing is asked for");
	check_ok(rdt_make(&rdt, NULL, &err), &err, "nothing is made");
	check_ok(rdt_join(&rdt, 1, &err), &err, "nothing is joined");
	check_ok(rdt_remove(&rdt, &err), &err, "nothing is removed");
	if (access("/sys/fs/resctrl/info", F_OK) < 0)
		check_error(rdt_find(arena, NULL, &wanted, ID, &rdt, &err), &err, ERROR_UNSUPPORTED,
			    "no resctrl file system is mounted", "no hardware");
}

int main(void)
{
	struct arena arena = { 0 };
	const char *root = tap_dir();

	test_class(&arena, root);
	test_own(&arena, root);
	test_refused(&arena, root);
	test_none(&arena);
	arena_done(&arena);
	return tap_done();
}
