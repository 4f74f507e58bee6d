/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/keeper.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/status.h"

#define STAT_MAX 4096

static bool open_parent(const struct engine *engine, const char *container, pid_t *parent,
			int *pidfd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	struct status status;
	char path[64];

	buf_init(&text, STAT_MAX);
	status_read(engine, &arena, container, &status);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)status.pid);
	if (status.pid <= 0 || !file_read(AT_FDCWD, path, &text, err))
		return error_set(err, ERROR_NOT_FOUND, "container %.12s has just ended", container);
	/* Another has adopted what a monitor left that was killed, and would be taken for it. */
	if (!status_is_locked(engine, container))
		return error_set(err, ERROR_NOT_FOUND, "container %.12s has no monitor", container);
	/* The second field, in brackets, may hold anything. */
	const char *rest = strrchr(text.data, ')');
	if (!rest || sscanf(rest, ") %*c %d", parent) != 1)
		return error_set(err, ERROR_SYSTEM, "%s makes no sense", path);
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
