/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/userns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/idhelper.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"

/*
 * How a namespace is found again. It lives as long as a process is in it: a command, or the monitor
 * of a container. Commands write their process number into RUN/userns; monitors are found by their
 * command line. Both under a lock, so that of two first commands one makes the namespace and the
 * other joins it.
 */

#define LOCK        "userns.lock"
#define MEMBERS     "userns" /* lines "PID START-TIME" of commands that are inside */
#define MEMBERS_MAX (64 << 10)
#define COMMAND_MAX 4096
#define RANGES_MAX  16 /* of granted ids */

/* Grants. ------------------------------------------------------------------------------------- */

static const char *user_name(void)
{
	const struct passwd *entry = getpwuid(geteuid());

	return entry ? entry->pw_name : "";
}

/* The caller's own id becomes 0, granted ones follow from 1 on. */
static size_t find_ranges(enum idhelper_kind kind, uint32_t own,
			  struct idhelper_range ranges[RANGES_MAX + 1])
{
	size_t count = idhelper_grants(kind, user_name(), geteuid(), ranges + 1, RANGES_MAX);
	uint32_t next = 1;

	ranges[0] = (struct idhelper_range){ .inside = 0, .outside = own, .count = 1 };
	for (size_t i = 1; i <= count; i++) {
		ranges[i].inside = next;
		next += ranges[i].count;
	}
	return count;
}

/* Asked several times by each command; only userns_enter changes it. */
static enum {
	PLACE_UNKNOWN,
	PLACE_INSIDE,
	PLACE_OUTSIDE
} place;

bool userns_is_granted(void)
{
	struct idhelper_range ranges[RANGES_MAX + 1];

	return find_ranges(IDHELPER_UIDS, geteuid(), ranges) > 0 &&
	       find_ranges(IDHELPER_GIDS, getegid(), ranges) > 0;
}

/* Making one. --------------------------------------------------------------------------------- */

/* In a child that stays outside: only from there can the helpers be asked. */
static int map_parent(pid_t parent, int ready, uid_t uid, gid_t gid)
{
	struct idhelper_range uids[RANGES_MAX + 1];
	struct idhelper_range gids[RANGES_MAX + 1];
	size_t uid_count = find_ranges(IDHELPER_UIDS, uid, uids);
	size_t gid_count = find_ranges(IDHELPER_GIDS, gid, gids);
	struct error err;
	char byte;

	if (read(ready, &byte, 1) != 1) /* the parent has failed and says so itself */
		return 0;
	if (idhelper_map(IDHELPER_UIDS, parent, "rootless docker", uids, uid_count + 1, &err) &&
	    idhelper_map(IDHELPER_GIDS, parent, "rootless docker", gids, gid_count + 1, &err))
		return 0;
	fprintf(stderr, "docker: %s\n", err.text);
	return 1;
}

static bool unshare_users(struct error *err)
{
	if (unshare(CLONE_NEWUSER) == 0)
		return true;
	if (errno == EPERM || errno == ENOSPC || errno == EUSERS || errno == EINVAL)
		return error_sys(
			err,
			"user namespaces are disabled (see kernel.unprivileged_userns_clone, "
			"user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)");
	return error_sys(err, "make a user namespace");
}

static bool make(struct error *err)
{
	pid_t self = getpid();
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int status;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	pid_t mapper = fork();

	if (mapper == 0) {
		close(ends[1]);
		_exit(map_parent(self, ends[0], uid, gid));
	}
	autoclose int ready = ends[1];

	close(ends[0]);
	if (mapper < 0)
		return error_sys(err, "fork");
	bool is_made = unshare_users(err);

	if (is_made && write(ready, "", 1) != 1)
		is_made = error_sys(err, "map ids");
	close(take_fd(&ready));
	if (!proc_reap(mapper, &status))
		return error_sys(err, "wait for the mapping of ids");
	if (is_made && status != 0)
		return error_set(err, ERROR_DENIED, "ids could not be mapped for this user");
	return is_made;
}

/* Finding one. -------------------------------------------------------------------------------- */

/* The user namespace of a process, if it is a child of ours and this user's own; else -1. */
static int open_child_namespace(const char *pid)
{
	char name[64];
	struct stat ours, parent;
	uid_t owner;

	snprintf(name, sizeof(name), "/proc/%.20s/ns/user", pid);

	autoclose int space = open(name, O_RDONLY | O_CLOEXEC);

	if (space < 0)
		return -1;
	autoclose int above = ioctl(space, NS_GET_PARENT);

	if (above < 0 || fstat(above, &parent) < 0 || stat("/proc/self/ns/user", &ours) < 0 ||
	    parent.st_ino != ours.st_ino || ioctl(space, NS_GET_OWNER_UID, &owner) < 0 ||
	    owner != geteuid())
		return -1;
	return take_fd(&space);
}

static bool join(const char *pid)
{
	autoclose int space = open_child_namespace(pid);

	return space >= 0 && setns(space, CLONE_NEWUSER) == 0;
}

/* Keeps the living members' lines. Joins one of them, if *has_joined is not true yet. */
static void try_members(char *lines, struct buf *living, bool *has_joined)
{
	for (char *line; (line = strsep(&lines, "\n")) != NULL;) {
		char pid[32];
		unsigned long long start;

		if (sscanf(line, "%20s %llu", pid, &start) != 2 ||
		    !proc_is_alive((pid_t)strtol(pid, NULL, 10), start))
			continue;
		buf_printf(living, "%s %llu\n", pid, start);
		*has_joined = *has_joined || join(pid);
	}
}

/* "…mooring-runc\0--root\0RUN/runc\0monitor\0…" */
static bool is_monitor(const char *pid, const char *state)
{
	char name[64];
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, COMMAND_MAX);
	snprintf(name, sizeof(name), "/proc/%.20s/cmdline", pid);
	if (!file_read(AT_FDCWD, name, &text, &ignored) && !text.is_cut)
		return false;
	if (text.length == 0)
		return false;
	const char *end = text.data + text.length;
	const char *words[4];

	for (size_t i = 0, at = 0; i < COUNT_OF(words); i++) {
		words[i] = text.data + at < end ? text.data + at : "";
		at += strlen(words[i]) + 1;
	}
	return strcmp(words[1], "--root") == 0 && strcmp(words[2], state) == 0 &&
	       strcmp(words[3], "monitor") == 0;
}

static bool try_monitors(const char *run)
{
	autofree char *state = mem_printf("%s/runc", run);
	autodir DIR *processes = opendir("/proc");
	bool has_joined = false;

	for (const struct dirent *entry; !has_joined && processes && (entry = readdir(processes));)
		has_joined = isdigit((unsigned char)entry->d_name[0]) &&
			     is_monitor(entry->d_name, state) && join(entry->d_name);
	return has_joined;
}

/* Both. --------------------------------------------------------------------------------------- */

static bool become_root(struct error *err)
{
	return (setgroups(0, NULL) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0) ||
	       error_sys(err, "become root of the user namespace");
}

static bool note_member(int run, struct buf *members, struct error *err)
{
	unsigned long long start;

	if (!proc_start_time(getpid(), &start, err))
		return false;
	buf_printf(members, "%d %llu\n", getpid(), start);
	return buf_check(members, MEMBERS, err) &&
	       file_replace_outside(run, MEMBERS, members->data, members->length, 0600,
				    FILE_VOLATILE, err);
}

bool userns_enter(const char *run, struct error *err)
{
	autobuf struct buf text;
	autobuf struct buf living;
	autoclose int lock = -1;
	bool has_joined = false;

	buf_init(&text, MEMBERS_MAX);
	buf_init(&living, MEMBERS_MAX);
	autoclose int dir = -1;

	if (!path_open_own_dir(run, 0700, &dir, err) ||
	    !file_lock(dir, LOCK, FILE_LOCK_EXCLUSIVE, &lock, err))
		return false;
	if (file_read(dir, MEMBERS, &text, err))
		try_members(text.data, &living, &has_joined);
	else if (err->kind != ERROR_NOT_FOUND)
		return false;
	place = PLACE_UNKNOWN;
	return (has_joined || try_monitors(run) || make(err)) && become_root(err) &&
	       note_member(dir, &living, err);
}

bool userns_lacks_groups(void)
{
	static const char *const tops[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup" };
	struct stat status;

	if (!userns_is_inside())
		return false;
	for (size_t i = 0; i < COUNT_OF(tops); i++)
		if (stat(tops[i], &status) == 0)
			return faccessat(AT_FDCWD, tops[i], W_OK, AT_EACCESS) < 0;
	return true;
}

/* The machine's own maps every id to itself, in one line. */
static bool is_inside_any(void)
{
	autoclose int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned long inside, outside, count;
	char text[256];
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got <= 0)
		return false; /* a kernel without user namespaces */
	text[got] = '\0';
	return sscanf(text, "%lu %lu %lu", &inside, &outside, &count) != 3 || inside != 0 ||
	       outside != 0 || count != UINT32_MAX;
}

bool userns_is_inside(void)
{
	if (place == PLACE_UNKNOWN)
		place = is_inside_any() ? PLACE_INSIDE : PLACE_OUTSIDE;
	return place == PLACE_INSIDE;
}
