/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hostns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#define INHERITED_MAX 64 /* descriptors above this are not looked at */

static bool open_own(const char *path, int *fd, struct error *err)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd >= 0 || error_sys(err, "open %s", path);
}

bool hostns_open(int *fd, struct error *err)
{
	return open_own("/proc/self/ns/net", fd, err);
}

bool hostns_open_mounts(int *fd, struct error *err)
{
	return open_own("/proc/self/ns/mnt", fd, err);
}

/* One poll tells which of them are open at all. Where it fails (a lower limit of descriptors), all
 * of them are looked at. */
static void find_open(struct pollfd fds[INHERITED_MAX])
{
	for (int fd = 0; fd < INHERITED_MAX; fd++)
		fds[fd] = (struct pollfd){ .fd = fd };
	(void)!poll(fds, INHERITED_MAX, 0);
}

static bool is_namespace(int fd, int type)
{
	struct statfs status;

	return fstatfs(fd, &status) == 0 && status.f_type == NSFS_MAGIC &&
	       ioctl(fd, NS_GET_NSTYPE) == type;
}

static bool enter_inherited(int type, const char *what, struct error *err)
{
	struct pollfd fds[INHERITED_MAX];

	find_open(fds);
	for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++) {
		if (!(fds[fd].revents & POLLNVAL) && is_namespace(fd, type))
			return setns(fd, type) == 0 ||
			       error_sys(err, "go back to the host's %s", what);
	}
	return true;
}

bool hostns_return(struct error *err)
{
	return enter_inherited(CLONE_NEWNET, "network", err);
}

bool hostns_return_mounts(struct error *err)
{
	return enter_inherited(CLONE_NEWNS, "mounts", err);
}
