/* SPDX-License-Identifier: Apache-2.0 */
/* What code that got into mooring-unpack could still do, tried in a child per attempt. */
#include "image/unpack_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "tests/unit/tap.h"

static char store[] = "/tmp/mooring-confine-XXXXXX";

static bool can_write_the_store(void)
{
	int fd = open("/here", O_WRONLY | O_CREAT, 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 && unlink("/here") == 0;
}

static bool can_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child > 0 && waitpid(child, NULL, 0) == child;
}

/* --- and what it cannot --- */

static bool can_see_the_host(void)
{
	return access("/etc/passwd", F_OK) == 0 || access("/../../etc/passwd", F_OK) == 0;
}

/* A root below the working directory, and ".." leads past it. */
static bool can_leave_the_root(void)
{
	int top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (mkdir("inner", 0700) < 0 && errno != EEXIST)
		return true;
	if (chroot("inner") < 0 || fchdir(top) < 0)
		return false;
	for (int i = 0; i < 20; i++)
		if (chdir("..") < 0)
			return false;
	return access("etc/passwd", F_OK) == 0;
}

static bool can_use_a_device(void)
{
	struct mount_attr attributes = { .attr_clr = MOUNT_ATTR_NODEV };

	syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof(attributes));
	if (mknod("null", S_IFCHR | 0600, makedev(1, 3)) < 0)
		return false;
	bool is_open = open("null", O_RDONLY) >= 0;
	unlink("null");
	return is_open;
}

static bool can_execute(void)
{
	char *const argv[] = { NULL };

	execve("/bin/true", argv, argv);
	return errno != EPERM;
}

static bool can_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool can_open_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool can_make_namespaces(void)
{
	return unshare(CLONE_NEWUSER) == 0 || unshare(CLONE_NEWNS) == 0;
}

static bool can_signal_by_descriptor(void)
{
	int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);

	return parent >= 0 && (syscall(SYS_pidfd_send_signal, parent, 0, NULL, 0) == 0 ||
			       syscall(SYS_pidfd_getfd, parent, 0, 0) >= 0);
}

static bool can_signal(void)
{
	return kill(getppid(), 0) == 0 || syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ||
	       syscall(SYS_tkill, getppid(), 0) == 0;
}

static bool confine_layer(struct error *err)
{
	return confine_to_store(store, err) && confine_to_layer(err);
}

static bool confine_store(struct error *err)
{
	return confine_to_store(store, err);
}

static const struct {
	const char *what;
	bool (*confine)(struct error *err);
	bool (*attempt)(void);
	bool is_allowed;
} attempts[] = {
	{ "unpack: write the store", confine_store, can_write_the_store, true },
	{ "unpack: fork", confine_store, can_fork, true },
	{ "unpack: see the host", confine_store, can_see_the_host, false },
	{ "unpack: leave its root", confine_store, can_leave_the_root, false },
	{ "unpack: use a device", confine_store, can_use_a_device, false },
	{ "unpack: execute", confine_store, can_execute, false },
	{ "unpack: trace", confine_store, can_trace, false },
	{ "unpack: open a socket", confine_store, can_open_a_socket, false },
	{ "unpack: make namespaces", confine_store, can_make_namespaces, false },
	{ "unpack: signal by descriptor", confine_store, can_signal_by_descriptor, false },
	{ "layer: write the store", confine_layer, can_write_the_store, true },
	{ "layer: leave its root", confine_layer, can_leave_the_root, false },
	{ "layer: use a device", confine_layer, can_use_a_device, false },
	{ "layer: signal by descriptor", confine_layer, can_signal_by_descriptor, false },
	{ "layer: signal", confine_layer, can_signal, false },
	{ "layer: execute", confine_layer, can_execute, false },
};

/* 0: could not; 1: could; anything else: did not get that far. */
static int attempt_confined(size_t number)
{
	struct error err;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (!attempts[number].confine(&err)) {
			printf("# %s\n", err.text);
			fflush(stdout);
			_exit(2);
		}
		_exit(attempts[number].attempt() ? 1 : 0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

int main(void)
{
	struct error err;

	if (geteuid() != 0) {
		tap_skip("confinement", "only root can have a store as its root");
		return tap_done();
	}
	if (!mkdtemp(store))
		return 1;
	for (size_t i = 0; i < COUNT_OF(attempts); i++)
		check_int(attempt_confined(i), attempts[i].is_allowed, "%s %s",
			  attempts[i].is_allowed ? "can" : "cannot", attempts[i].what);
	check(path_remove_tree(AT_FDCWD, store, &err), "the store is removed");
	return tap_done();
}
