/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hostns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/vfs.h>
#include <unistd.h>

#define INHERITED_MAX 64 /* descriptors above this are not looked at */

bool hostns_open(int *fd, struct error *err)
{
	*fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *fd >= 0 || error_sys(err, "open the network namespace");
}

bool hostns_return(struct error *err)
{
	struct statfs status;

	for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++) {
		if (fstatfs(fd, &status) == 0 && status.f_type == NSFS_MAGIC)
			return setns(fd, CLONE_NEWNET) == 0 ||
			       error_sys(err, "go back to the host's network");
	}
	return true;
}
