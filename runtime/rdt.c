/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rdt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"

#define USUAL_ROOT   "/sys/fs/resctrl"
#define SCHEMATA_MAX 65536
#define MOUNTS_MAX   (4 << 20) /* of mountinfo */

/* -- finding --------------------------------------------------------------------------------- */

/* The fifth field of the first line with " - resctrl " in it. */
static char *root_among_mounts(struct arena *arena, const char *mounts)
{
	const char *line = strstr(mounts, " - resctrl ");

	if (!line)
		return NULL;
	while (line > mounts && line[-1] != '\n')
		line--;
	for (int field = 1; field < 5; field++)
		line += strcspn(line, " ") + 1;
	return arena_strndup(arena, line, strcspn(line, " "));
}

static const char *find_root(struct arena *arena)
{
	autobuf struct buf mounts = { 0 };
	struct statfs fs;
	struct error ignored;

	if (statfs(USUAL_ROOT, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC)
		return USUAL_ROOT;
	buf_init(&mounts, MOUNTS_MAX);
	if (!file_read(AT_FDCWD, "/proc/self/mountinfo", &mounts, &ignored) || !mounts.data)
		return NULL;
	return root_among_mounts(arena, mounts.data);
}

/* What the file system has at its top besides groups. */
static bool is_reserved(const char *name)
{
	return strcmp(name, "info") == 0 || strcmp(name, "mon_groups") == 0 ||
	       strcmp(name, "mon_data") == 0;
}

static bool has_schema(const struct spec_rdt *wanted)
{
	return wanted->l3 || wanted->mb || wanted->schema_count > 0;
}

bool rdt_find(struct arena *arena, const char *root, const struct spec_rdt *wanted, const char *id,
	      struct rdt *rdt, struct error *err)
{
	struct stat info;
	const char *name;

	*rdt = (struct rdt){ 0 };
	if (!wanted)
		return true;
	name = wanted->class_id ? wanted->class_id : id;
	rdt->root = root ? root : find_root(arena);
	if (!rdt->root)
		return error_set(err, ERROR_UNSUPPORTED,
				 "config.json: linux.intelRdt: Intel RDT is not available: no "
				 "resctrl file system is mounted (" USUAL_ROOT ")");
	if (is_reserved(name))
		return error_set(
			err, ERROR_INPUT,
			"config.json: linux.intelRdt.closID: resctrl keeps the name %s for "
			"itself",
			name);
	rdt->is_own = !wanted->class_id;
	rdt->group =
		strcmp(name, "/") == 0 ? rdt->root : arena_printf(arena, "%s/%s", rdt->root, name);
	if (wanted->has_monitoring)
		rdt->monitor = arena_printf(arena, "%s/mon_groups/%s", rdt->group, id);
	if (!rdt->is_own && !has_schema(wanted) && stat(rdt->group, &info) < 0)
		return error_set(err, ERROR_INPUT,
				 "config.json: linux.intelRdt.closID: %s is not there, and no "
				 "schema says how to make it",
				 rdt->group);
	return true;
}

/* -- making ---------------------------------------------------------------------------------- */

/* The kernel explains what it did not like. */
static bool refused(const struct rdt *rdt, const char *what, struct error *err)
{
	autofree char *name = mem_printf("%s/info/last_cmd_status", rdt->root);
	autobuf struct buf reason = { 0 };
	struct error ignored;

	error_sys(err, "intelRdt: %s", what);
	buf_init(&reason, 200);
	if (!file_read(AT_FDCWD, name, &reason, &ignored) || !reason.data)
		return false;
	reason.data[strcspn(reason.data, "\n")] = '\0';
	return error_set(err, err->kind, "intelRdt: %s: %s", what, reason.data);
}

static bool make_directory(const struct rdt *rdt, const char *path, struct error *err)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST || refused(rdt, path, err);
}

/* Lines of the cache's schema; one for the bandwidth among them gives way to memBwSchema. */
static void add_lines(struct buf *text, const char *lines, bool has_bandwidth)
{
	for (size_t length; *lines; lines += length) {
		length = strcspn(lines, "\n");
		if (length > 0 && (!has_bandwidth || strncmp(lines, "MB:", 3) != 0))
			buf_printf(text, "%.*s\n", (int)length, lines);
		length += lines[length] == '\n';
	}
}

static bool write_schemata(const struct rdt *rdt, const struct spec_rdt *wanted, struct error *err)
{
	autofree char *name = mem_printf("%s/schemata", rdt->group);
	autobuf struct buf text = { 0 };
	autoclose int fd = -1;

	buf_init(&text, SCHEMATA_MAX);
	if (wanted->l3)
		add_lines(&text, wanted->l3, wanted->mb);
	if (wanted->mb)
		add_lines(&text, wanted->mb, false);
	for (size_t i = 0; i < wanted->schema_count; i++)
		add_lines(&text, wanted->schemata[i], false);
	if (!buf_check(&text, "intelRdt schemata", err))
		return false;
	fd = open(name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text.data, text.length) < 0)
		return refused(rdt, name, err);
	return true;
}

bool rdt_make(const struct rdt *rdt, const struct spec_rdt *wanted, struct error *err)
{
	if (!rdt->group)
		return true;
	return make_directory(rdt, rdt->group, err) &&
	       (!has_schema(wanted) || write_schemata(rdt, wanted, err)) &&
	       (!rdt->monitor || make_directory(rdt, rdt->monitor, err));
}

/* -- joining, leaving ------------------------------------------------------------------------ */

static bool add_task(const struct rdt *rdt, const char *group, pid_t pid, struct error *err)
{
	autofree char *name = mem_printf("%s/tasks", group);
	autoclose int fd = open(name, O_WRONLY | O_CLOEXEC);
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", pid);

	return (fd >= 0 && write(fd, text, (size_t)length) == length) || refused(rdt, name, err);
}

bool rdt_join(const struct rdt *rdt, pid_t pid, struct error *err)
{
	return !rdt->group || (add_task(rdt, rdt->group, pid, err) &&
			       (!rdt->monitor || add_task(rdt, rdt->monitor, pid, err)));
}

bool rdt_remove(const struct rdt *rdt, struct error *err)
{
	if (rdt->monitor && rmdir(rdt->monitor) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", rdt->monitor);
	if (rdt->group && rdt->is_own && rmdir(rdt->group) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", rdt->group);
	return true;
}
