/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/keeper.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "engine/status.h"

static bool open_parent(const struct engine *engine, const char *container, pid_t *parent,
			int *pidfd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, container, &status);
	*parent = status.pid > 0 ? proc_parent(status.pid) : 0;
	if (*parent == 0)
		return error_set(err, ERROR_NOT_FOUND, "container %.12s has just ended", container);
	/* Another has adopted what a monitor left that was killed, and would be taken for it. */
	if (!status_is_locked(engine, container))
		return error_set(err, ERROR_NOT_FOUND, "container %.12s has no monitor", container);
	*pidfd = (int)syscall(SYS_pidfd_open, *parent, 0);
	return *pidfd >= 0 || error_sys(err, "find the monitor of container %.12s", container);
}

bool keeper_open(const struct engine *engine, const char *container, int *pidfd, struct error *err)
{
	pid_t parent;

	return open_parent(engine, container, &parent, pidfd, err);
}

bool keeper_open_bag(const struct engine *engine, const char *container, struct bag *bag,
		     struct error *err)
{
	autoclose int pidfd = -1;
	pid_t monitor;

	*bag = BAG_EMPTY;
	if (!open_parent(engine, container, &monitor, &pidfd, err))
		return false;

	/* Which number the monitor has given it is the monitor's affair. */
	autofree char *path = mem_printf("/proc/%d/fd", (int)monitor);
	autodir DIR *entries = opendir(path);

	if (!entries)
		return error_sys(err, "see what the monitor of container %.12s keeps", container);
	for (struct dirent *entry; bag->fd < 0 && (entry = readdir(entries));) {
		int number = (int)strtol(entry->d_name, NULL, 10);
		autoclose int fd = isdigit((unsigned char)entry->d_name[0])
					   ? (int)syscall(SYS_pidfd_getfd, pidfd, number, 0)
					   : -1;

		if (fd >= 0 && bag_is_one(fd))
			bag->fd = take_fd(&fd);
	}
	return true;
}
