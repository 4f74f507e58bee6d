/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/findinit.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

#define GROUPS_MAX 65536 /* bytes of /proc/PID/cgroup: a path for each hierarchy */

static bool is_in_group(const char *pid, const char *id)
{
	autofree char *name = mem_printf("/proc/%s/cgroup", pid);
	autobuf struct buf text;
	struct error ignored; /* it has just ended */

	buf_init(&text, GROUPS_MAX);
	return file_read(AT_FDCWD, name, &text, &ignored) && text.length > 0 &&
	       strstr(text.data, id);
}

bool findinit(const char *id, pid_t *pid, unsigned long long *start_time)
{
	autodir DIR *processes = opendir("/proc");
	struct error ignored;

	*pid = 0;
	for (struct dirent *entry; processes && (entry = readdir(processes));) {
		unsigned long number = strtoul(entry->d_name, NULL, 10);
		unsigned long long start;

		if (number < 1 || number > INT_MAX || !is_in_group(entry->d_name, id) ||
		    !proc_start_time((pid_t)number, &start, &ignored) ||
		    !proc_is_alive((pid_t)number, start) || (*pid && start > *start_time) ||
		    (*pid && start == *start_time && (pid_t)number > *pid))
			continue;
		*pid = (pid_t)number;
		*start_time = start;
	}
	return *pid > 0;
}
