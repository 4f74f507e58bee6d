/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hostns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
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

static bool enter_inherited(int type, const char *what, struct error *err)
{
	struct statfs status;

	for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++) {
		if (fstatfs(fd, &status) == 0 && status.f_type == NSFS_MAGIC &&
		    ioctl(fd, NS_GET_NSTYPE) == type)
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
