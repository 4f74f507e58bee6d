/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/detach.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "runtime/kernel.h"

/*
 * Why the top group, and not one of our own: it is always there, so nothing has to be made or
 * cleaned up; a move costs tens of microseconds, and where the caller is at the top already,
 * nothing. On v1 a lone thread moves itself through `tasks`; on v2 the fork puts the child where it
 * belongs. Both avoid the 10 ms and more that cgroup.procs takes: see cgroup.c.
 */

#define CGROUP_ROOT "/sys/fs/cgroup"
#define SELF_MAX    65536 /* bytes of /proc/self/cgroup */

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

static void close_range_or_each(unsigned first, unsigned last)
{
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && fd < (unsigned)getdtablesize(); fd++)
		close((int)fd); /* Linux before 5.9 */
}

bool detach_keep_fds(int *const *fds, size_t count, struct error *err)
{
	unsigned first = 3;

	for (size_t i = 0; i < count; i++) {
		int kept = *fds[i];

		if (kept < 0)
			continue;
		*fds[i] = fcntl(kept, F_DUPFD_CLOEXEC, 3);
		if (*fds[i] < 0)
			return error_sys(err, "descriptor %d", kept);
	}
	for (;;) { /* close the gap in front of the lowest one that is kept, and go on behind it */
		int next = -1;

		for (size_t i = 0; i < count; i++)
			if (*fds[i] >= (int)first && (next < 0 || *fds[i] < next))
				next = *fds[i];
		if (next != (int)first)
			close_range_or_each(first, next < 0 ? ~0U : (unsigned)next - 1);
		if (next < 0)
			return true;
		first = (unsigned)next + 1;
	}
}

/* One line of /proc/self/cgroup, "4:memory:/a/b": goes to the top of that v1 hierarchy. */
static void leave_v1(const char *controllers)
{
	const char *name = strncmp(controllers, "name=", 5) == 0 ? controllers + 5 : controllers;
	char path[256];

	snprintf(path, sizeof(path), CGROUP_ROOT "/%s/tasks", name);

	autoclose int tasks = open(path, O_WRONLY | O_CLOEXEC);

	/* Not mounted, or not ours to write: then this group is where we have to stay. */
	if (tasks >= 0 && write(tasks, "0", 1) != 1)
		return;
}

static int open_v2_top(void)
{
	struct statfs fs;

	if (statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return open(CGROUP_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return open(CGROUP_ROOT "/unified", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Calls `leave` for every v1 group that is not the top; true if our v2 group is not. */
static bool look_at_groups(const char *text, void (*leave)(const char *controllers))
{
	autofree char *copy = mem_strdup(text);
	char *lines = copy;
	bool is_in_v2 = false;

	for (char *line; (line = strsep(&lines, "\n")) != NULL;) {
		char *controllers = strchr(line, ':');
		char *own = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!own || strcmp(own, ":/") == 0)
			continue;
		*own = '\0';
		if (controllers[1] == '\0')
			is_in_v2 = true;
		else if (leave)
			leave(controllers + 1);
	}
	return is_in_v2;
}

/* Unable to tell where we are, we stay: only a supervisor's view of us suffers. */
static const char *read_groups(struct buf *text)
{
	struct error ignored;

	return file_read(AT_FDCWD, "/proc/self/cgroup", text, &ignored) ? text->data : "";
}

bool detach_fork(pid_t *pid, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, SELF_MAX);
	const char *groups = read_groups(&text);
	autoclose int top = look_at_groups(groups, NULL) ? open_v2_top() : -1;

	*pid = -1;
	if (top >= 0)
		*pid = kernel_clone(
			&(struct kernel_clone){ .flags = CLONE_INTO_CGROUP, .cgroup = top });
	if (*pid < 0)
		*pid = fork();
	if (*pid < 0)
		return error_sys(err, "fork");
	if (*pid > 0)
		return true;
	look_at_groups(groups, leave_v1);
	return setsid() >= 0 || error_sys(err, "leave the caller's session");
}

bool detach_settle(struct error *err)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") < 0)
		return error_sys(err, "go to /");
	if (null < 0)
		return error_sys(err, "open /dev/null");
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return error_sys(err, "redirect descriptor %d", fd);
	return true;
}
