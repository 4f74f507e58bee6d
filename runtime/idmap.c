/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/idhelper.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/kernel.h"

/*
 * Who may write which map is the kernel's decision: a namespace's creator may map itself, and with
 * CAP_SETUID (CAP_SETGID) outside whatever it likes. For more than oneself an ordinary user has to
 * ask a set-uid helper, which knows what /etc/subuid and /etc/subgid grant.
 */

#define MAP_MAX       4095  /* bytes: the kernel takes one write of less than a page */
#define MAP_SHOWN_MAX 16384 /* bytes: the kernel's 340 lines, as it shows them */

struct map {
	const char *name; /* in the config */
	const char *file; /* below /proc/PID */
	enum idhelper_kind kind;
	const struct spec_id_map *ranges;
	size_t count;
};

static struct map uid_map(const struct spec *spec)
{
	return (struct map){ "linux.uidMappings", "uid_map", IDHELPER_UIDS, spec->uid_maps,
			     spec->uid_map_count };
}

static struct map gid_map(const struct spec *spec)
{
	return (struct map){ "linux.gidMappings", "gid_map", IDHELPER_GIDS, spec->gid_maps,
			     spec->gid_map_count };
}

/* -- checking -------------------------------------------------------------------------------- */

static bool is_mapped(const struct map *map, uint32_t id)
{
	for (size_t i = 0; i < map->count; i++)
		if (id >= map->ranges[i].inside &&
		    id - map->ranges[i].inside < map->ranges[i].count)
			return true;
	return false;
}

static bool check_id(const struct map *map, uint32_t id, const char *what, struct error *err)
{
	if (is_mapped(map, id))
		return true;
	return error_set(err, ERROR_INPUT,
			 "config.json: %s: %" PRIu32 " is not mapped: add it to %s", what, id,
			 map->name);
}

/* "uid=" and "gid=" among the options of a file system: the kernel says no more than "invalid". */
static bool check_mount(const struct spec_mount *mount, const struct map *map, const char *option,
			struct error *err)
{
	size_t length = strlen(option);

	for (const char *at = mount->data; at; at = strchr(at, ',')) {
		char *end;

		at += *at == ',';
		if (strncmp(at, option, length) != 0)
			continue;

		unsigned long long id = strtoull(at + length, &end, 10);

		if (end == at + length || (*end != '\0' && *end != ',') || id > UINT32_MAX)
			continue; /* for the file system to refuse */
		if (!is_mapped(map, (uint32_t)id))
			return json_wrong(mount->place, err,
					  "cannot specify %s%llu mount option: %s does not map it",
					  option, id, map->name);
	}
	return true;
}

bool idmap_check(const struct spec *spec, struct error *err)
{
	const struct spec_user *user = &spec->process.user;
	struct map uids = uid_map(spec);
	struct map gids = gid_map(spec);

	if (uids.count == 0)
		return true;
	if (!check_id(&uids, user->uid, "process.user.uid", err) ||
	    !check_id(&gids, user->gid, "process.user.gid", err))
		return false;
	for (size_t i = 0; i < user->group_count; i++)
		if (!check_id(&gids, user->groups[i], "process.user.additionalGids", err))
			return false;
	for (size_t i = 0; i < spec->mount_count; i++)
		if (!check_mount(&spec->mounts[i], &uids, "uid=", err) ||
		    !check_mount(&spec->mounts[i], &gids, "gid=", err))
			return false;
	return true;
}

bool idmap_become_somebody(const struct spec_user *user, struct error *err)
{
	/* No map, no number: EINVAL. From outside the namespace nobody is its root, so that
	 * capabilities are not lost with it. */
	if (setresgid(0, 0, 0) < 0 &&
	    (errno != EINVAL || setresgid(user->gid, user->gid, user->gid) < 0))
		return error_sys(err, "become group %u of the user namespace", user->gid);
	if (setresuid(0, 0, 0) < 0 &&
	    (errno != EINVAL || setresuid(user->uid, user->uid, user->uid) < 0))
		return error_sys(err, "become user %u of the user namespace", user->uid);
	return true;
}

bool idmap_denies_groups(const struct spec *spec)
{
	return geteuid() != 0 && spec->gid_map_count == 1 && spec->gid_maps[0].count == 1 &&
	       spec->gid_maps[0].outside == getegid();
}

/* -- a namespace that exists ------------------------------------------------------------------ */

struct visitor {
	pid_t pid;
	int end; /* it leaves once this is closed */
};

static _Noreturn void visit(int namespace, int end)
{
	int failure = setns(namespace, CLONE_NEWUSER) < 0 ? errno : 0;
	char byte;

	if (write(end, &failure, sizeof(failure)) == sizeof(failure))
		while (read(end, &byte, 1) > 0)
			;
	_exit(0);
}

/* Only a member's maps can be read: a child becomes one. */
static bool send_visitor(int namespace, const char *path, struct visitor *visitor,
			 struct error *err)
{
	const struct kernel_clone how = { 0 };
	int ends[2], failure;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket pair");
	visitor->pid = kernel_clone(&how);
	if (visitor->pid == 0) {
		close(ends[0]);
		visit(namespace, ends[1]);
	}
	visitor->end = ends[0];
	close(ends[1]);
	if (visitor->pid < 0)
		return error_sys(err, "make a process that looks at namespace %s", path);
	if (read(visitor->end, &failure, sizeof(failure)) != sizeof(failure))
		return error_set(err, ERROR_SYSTEM, "look at namespace %s: no answer", path);
	errno = failure;
	return failure == 0 || error_sys(err, "join namespace %s", path);
}

static void call_back(struct visitor *visitor)
{
	mem_cleanup_close(&visitor->end);
	if (visitor->pid > 0)
		(void)proc_reap(visitor->pid, NULL);
}

static bool has_range(const struct map *map, const struct spec_id_map *range)
{
	for (size_t i = 0; i < map->count; i++)
		if (memcmp(&map->ranges[i], range, sizeof(*range)) == 0)
			return true;
	return false;
}

/* Ranges don't overlap, so none is there twice: as many, and each is known, is all the same. */
static bool check_same(pid_t pid, const struct map *map, struct error *err)
{
	autofree char *name = mem_printf("/proc/%d/%s", pid, map->file);
	autobuf struct buf text = { 0 };
	size_t count = 0;
	bool is_same = true;
	struct spec_id_map range;
	int length;

	buf_init(&text, MAP_SHOWN_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return false;
	buf_add_text(&text, ""); /* before its maps are written it has none */
	for (const char *at = text.data;
	     sscanf(at, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%n", &range.inside, &range.outside,
		    &range.count, &length) == 3;
	     at += length, count++)
		is_same = is_same && has_range(map, &range);
	if (is_same && count == map->count)
		return true;
	return error_set(err, ERROR_INPUT,
			 "config.json: %s: user namespaces enabled, but both namespace path and "
			 "non-matching mapping specified -- you may only provide one",
			 map->name);
}

bool idmap_check_joined(const struct spec *spec, int namespace, struct error *err)
{
	struct map uids = uid_map(spec);
	struct map gids = gid_map(spec);
	struct visitor visitor = { -1, -1 };

	if (namespace < 0 || (uids.count == 0 && gids.count == 0))
		return true;

	const char *path = spec->namespaces[NAMESPACE_USER].path;
	bool is_same = send_visitor(namespace, path, &visitor, err) &&
		       check_same(visitor.pid, &uids, err) && check_same(visitor.pid, &gids, err);

	call_back(&visitor);
	return is_same;
}

/* -- writing --------------------------------------------------------------------------------- */

static bool write_file(int proc, pid_t pid, const char *file, const char *text, struct error *err)
{
	autofree char *name = mem_printf("%d/%s", pid, file);
	autoclose int fd = -1;

	if (!path_open(proc, name, PATH_NO_LINKS, O_WRONLY, 0, &fd, err))
		return false;
	if (write(fd, text, strlen(text)) < 0)
		return error_sys(err, "write %s", file);
	return true;
}

static bool write_map(int proc, pid_t pid, const struct map *map, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, MAP_MAX);
	for (size_t i = 0; i < map->count; i++)
		buf_printf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", map->ranges[i].inside,
			   map->ranges[i].outside, map->ranges[i].count);
	return buf_check(&text, map->name, err) && write_file(proc, pid, map->file, text.data, err);
}

static bool ask_helper(pid_t pid, const struct map *map, struct error *err)
{
	autofree struct idhelper_range *ranges = mem_array(map->count, sizeof(*ranges));

	for (size_t i = 0; i < map->count; i++)
		ranges[i] = (struct idhelper_range){ map->ranges[i].inside, map->ranges[i].outside,
						     map->ranges[i].count };
	return idhelper_map(map->kind, pid, map->name, ranges, map->count, err);
}

static bool set_map(int proc, pid_t pid, const struct map *map, struct error *err)
{
	if (write_map(proc, pid, map, err))
		return true;
	if (err->sys == EINVAL)
		return error_in(err, "%s: do two of its ranges overlap", map->name);
	if (err->sys != EPERM)
		return false;
	if (geteuid() != 0)
		return ask_helper(pid, map, err);
	return error_in(err, "%s: the caller's user namespace does not have all of its ids",
			map->name);
}

/* Giving up setgroups has to come before the groups. */
bool idmap_write(const struct spec *spec, int proc, pid_t pid, struct error *err)
{
	struct map uids = uid_map(spec);
	struct map gids = gid_map(spec);

	if (idmap_denies_groups(spec) && !write_file(proc, pid, "setgroups", "deny", err))
		return false;
	return set_map(proc, pid, &gids, err) && set_map(proc, pid, &uids, err);
}
