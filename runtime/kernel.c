/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"

pid_t kernel_clone(const struct kernel_clone *how)
{
	struct clone_args args = {
		.flags = how->flags,
		.exit_signal = how->flags & CLONE_PARENT ? 0 : SIGCHLD,
	};

	if (how->flags & CLONE_INTO_CGROUP)
		args.cgroup = (uint64_t)how->cgroup;

	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	/* The filter of a container that we run in may hide it. Without pointers the order of the
	 * old call's arguments, which differs between machines, does not matter. */
	if (pid < 0 && errno == ENOSYS && how->flags <= UINT32_MAX)
		pid = (pid_t)syscall(SYS_clone, (unsigned long)how->flags | args.exit_signal, 0, 0,
				     0, 0);
	return pid;
}

pid_t kernel_fork(int *pidfd)
{
	return (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, NULL);
}

int kernel_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int kernel_pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

int kernel_pidfd_signal(int pidfd, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

#define FDS_MAX (1 << 20) /* what the kernel gives a process at most, unless told otherwise */

/* Before Linux 5.11 the kernel has no such flag: one by one. The container's /proc may be anything:
 * if it is no procfs, every number is tried. */
static int cloexec_one_by_one(unsigned int first)
{
	autodir DIR *dir = opendir("/proc/self/fd");
	struct statfs fs;

	if (!dir || fstatfs(dirfd(dir), &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
		for (int fd = (int)first; fd < FDS_MAX; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd >= (int)first)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return 0;
}

int kernel_cloexec_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return errno == ENOSYS || errno == EINVAL || errno == EPERM ? cloexec_one_by_one(first)
								    : -1;
}

int kernel_close_range(unsigned int first, unsigned int last)
{
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM) /* an outer filter may not know it */
		return -1;

	unsigned long end = (unsigned long)sysconf(_SC_OPEN_MAX);

	for (unsigned long fd = first; fd <= last && fd < end; fd++)
		close((int)fd);
	return 0;
}

int kernel_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

long kernel_join_keyring(const char *name)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
}
