/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int kernel_clone_tree(int dir, const char *path, int is_recursive)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
			     (is_recursive ? AT_RECURSIVE : 0);

	return (int)syscall(SYS_open_tree, dir, path, flags);
}

int kernel_attach(int tree, int target)
{
	return (int)syscall(SYS_move_mount, tree, "", target, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int kernel_set_attributes(int mount, int is_recursive, uint64_t set, uint64_t clear)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

	return (int)syscall(SYS_mount_setattr, mount, "",
			    AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr));
}

int kernel_set_propagation(int mount, int is_recursive, unsigned long propagation)
{
	struct mount_attr attr = { .propagation = propagation };

	return (int)syscall(SYS_mount_setattr, mount, "",
			    AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr));
}

int kernel_new_tmpfs(void)
{
	int mount = -1;
	int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	if (context < 0)
		return -1;
	if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_blocks", "1", 0) == 0 &&
	    syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) == 0 &&
	    syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
				     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					     MOUNT_ATTR_NOEXEC);
	close(context);
	return mount;
}

pid_t kernel_clone(const struct kernel_clone *how)
{
	struct clone_args args = {
		.flags = how->flags,
		.exit_signal = how->flags & CLONE_PARENT ? 0 : SIGCHLD,
	};

	if (how->flags & CLONE_INTO_CGROUP)
		args.cgroup = (uint64_t)how->cgroup;
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
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

/* Before Linux 5.11 the kernel has no such flag: one by one. */
static int cloexec_one_by_one(unsigned int first)
{
	DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd >= (int)first)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	closedir(dir);
	return 0;
}

int kernel_cloexec_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return errno == ENOSYS || errno == EINVAL ? cloexec_one_by_one(first) : -1;
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
