/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/keeper.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "engine/status.h"
#include "runtime/monitor.h"

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

struct keeper keeper_find(const struct engine *engine, const char *container)
{
	struct keeper keeper;
	struct error ignored;

	if (!open_parent(engine, container, &keeper.pid, &keeper.pidfd, &ignored))
		keeper.pidfd = -1;
	return keeper;
}

void keeper_done(struct keeper *keeper)
{
	mem_cleanup_close(&keeper->pidfd);
}

void keeper_hurry(const struct keeper *keeper)
{
	static const char monitor[] = MONITOR_NAME "\n";
	char name[sizeof(monitor)] = "";
	autofree char *path = mem_printf("/proc/%d/comm", (int)keeper->pid);
	autoclose int comm = open(path, O_RDONLY | O_CLOEXEC);

	if (comm >= 0 && read(comm, name, sizeof(name) - 1) > 0 && strcmp(name, monitor) == 0)
		syscall(SYS_pidfd_send_signal, keeper->pidfd, SIGTERM, NULL, 0);
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
