/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/slice.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

#define TOP            "/sys/fs/cgroup"
#define FREEZE_LOOKS   200
#define THAW_LOOKS     20 /* v1: a thaw after so many */
#define FREEZE_LOOK_US 5000

/* v1: the hierarchies that we need, as the kernel names their directories. */
static const char *const hierarchies[SLICE_PLACES_MAX] = { "memory", "cpu", "cpuacct", "freezer" };

static bool write_file(const char *directory, const char *name, const char *text, struct error *err)
{
	autofree char *path = mem_printf("%s/%s", directory, name);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return error_sys(err, "write %s to %s", text, path);
	return true;
}

static bool make_directory(const char *path, struct error *err)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST || error_sys(err, "make %s", path);
}

const char *slice_parent(struct arena *arena, const char *name)
{
	return arena_printf(arena, "/greengrass/%s", name);
}

/* -- limits -------------------------------------------------------------------------------------
 */

static bool limit_memory(const struct slice *slice, int64_t memory, struct error *err)
{
	const char *path = slice->places[0].path;
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)memory);
	if (slice->is_unified)
		return write_file(path, "memory.max", memory > 0 ? text : "max", err);
	return write_file(path, "memory.limit_in_bytes", memory > 0 ? text : "-1", err);
}

/* The period is what the kernel has, 100 ms if nobody changed it. */
static long read_period(const char *path, bool is_unified)
{
	autofree char *name =
		mem_printf("%s/%s", path, is_unified ? "cpu.max" : "cpu.cfs_period_us");
	autobuf struct buf text = { 0 };
	struct error ignored;
	long period = 0;

	buf_init(&text, 128);
	if (file_read(AT_FDCWD, name, &text, &ignored))
		sscanf(text.data, is_unified ? "%*s %ld" : "%ld", &period);
	return period > 0 ? period : 100000;
}

static bool limit_cpus(const struct slice *slice, double cpus, struct error *err)
{
	const char *path = slice->places[slice->is_unified ? 0 : 1].path;
	long period = read_period(path, slice->is_unified);
	char text[64];

	if (slice->is_unified && cpus > 0)
		snprintf(text, sizeof(text), "%.0f %ld", (double)period * cpus, period);
	else if (slice->is_unified)
		snprintf(text, sizeof(text), "max %ld", period);
	else
		snprintf(text, sizeof(text), "%.0f", cpus > 0 ? (double)period * cpus : -1.0);
	return write_file(path, slice->is_unified ? "cpu.max" : "cpu.cfs_quota_us", text, err);
}

bool slice_limit(const struct slice *slice, const struct service_limits *limits, struct error *err)
{
	return limit_memory(slice, limits->memory, err) && limit_cpus(slice, limits->cpus, err);
}

/* "oom_kill N" among other lines (cgroup v1 since Linux 4.13). */
int64_t slice_take_killed(struct slice *slice)
{
	static const char key[] = "\noom_kill ";
	autofree char *name =
		slice->count == 0
			? NULL
			: mem_printf("%s/%s", slice->places[0].path,
				     slice->is_unified ? "memory.events" : "memory.oom_control");
	autobuf struct buf text = { 0 };
	struct error ignored;

	buf_init(&text, 4096);
	if (!name || !file_read(AT_FDCWD, name, &text, &ignored))
		return 0;

	const char *line = strstr(text.data, key);
	int64_t before = slice->killed;

	slice->killed = line ? strtoll(line + strlen(key), NULL, 10) : 0;
	return slice->killed > before ? slice->killed - before : 0;
}

/* -- the groups ---------------------------------------------------------------------------------
 */

static bool add_place(struct slice *slice, const char *hierarchy, const char *name,
		      const char *scripts, struct error *err)
{
	autofree char *parent = mem_printf(TOP "%s/greengrass", hierarchy);
	struct slice_place *place = &slice->places[slice->count++];

	place->path = mem_printf("%s/%s", parent, name);
	place->procs = mem_printf("%s%s/cgroup.procs", place->path, scripts);
	return make_directory(parent, err) && make_directory(place->path, err);
}

static bool make_unified(struct slice *slice, const char *name, struct error *err)
{
	static const char controllers[] = "+cpu +io +memory +pids";
	autofree char *scripts = NULL;

	if (!add_place(slice, "", name, "/scripts", err) ||
	    !write_file(TOP, "cgroup.subtree_control", controllers, err) ||
	    !write_file(TOP "/greengrass", "cgroup.subtree_control", controllers, err) ||
	    !write_file(slice->places[0].path, "cgroup.subtree_control", controllers, err))
		return false;
	scripts = mem_printf("%s/scripts", slice->places[0].path);
	return make_directory(scripts, err);
}

bool slice_make(struct slice *slice, const char *name, const struct service_limits *limits,
		struct error *err)
{
	bool is_good = true;

	*slice = (struct slice){ .is_unified = access(TOP "/cgroup.controllers", F_OK) == 0 };
	if (slice->is_unified)
		is_good = make_unified(slice, name, err);
	for (size_t i = 0; !slice->is_unified && is_good && i < SLICE_PLACES_MAX; i++) {
		autofree char *hierarchy = mem_printf("/%s", hierarchies[i]);

		is_good = add_place(slice, hierarchy, name, "", err);
	}
	if (is_good && slice_limit(slice, limits, err)) {
		slice_take_killed(slice); /* a container of a time before may have kept it */
		return true;
	}
	slice_remove(slice);
	return false;
}

size_t slice_open_procs(const struct slice *slice, int fds[SLICE_PLACES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < slice->count; i++) {
		int fd = open(slice->places[i].procs, O_WRONLY | O_CLOEXEC);

		if (fd >= 0)
			fds[count++] = fd;
	}
	return count;
}

bool slice_join(const struct slice *slice, int pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < slice->count; i++) {
		autoclose int fd = open(slice->places[i].procs, O_WRONLY | O_CLOEXEC);

		/* One that has ended meanwhile is no matter. */
		if (fd < 0 || (write(fd, text, strlen(text)) < 0 && errno != ESRCH))
			return error_sys(err, "write %s to %s", text, slice->places[i].procs);
	}
	return true;
}

void slice_remove(struct slice *slice)
{
	for (size_t i = 0; i < slice->count; i++) {
		struct slice_place *place = &slice->places[i];

		if (slice->is_unified) {
			*strrchr(place->procs, '/') = '\0';
			rmdir(place->procs);
		}
		rmdir(place->path);
		free(place->path);
		free(place->procs);
	}
	*slice = (struct slice){ 0 };
}

static void sweep_hierarchy(const char *hierarchy, const char *name)
{
	autofree char *path = mem_printf(TOP "/%s/greengrass/%s", hierarchy, name ? name : "");

	rmdir(path);
}

void slice_sweep(const char *name)
{
	autodir DIR *top = NULL;

	if (access(TOP "/cgroup.controllers", F_OK) == 0) {
		sweep_hierarchy(".", name);
		return;
	}
	top = opendir(TOP);
	for (const struct dirent *entry; top && (entry = readdir(top)) != NULL;)
		if (entry->d_name[0] != '.')
			sweep_hierarchy(entry->d_name, name);
}

/* -- freezing -----------------------------------------------------------------------------------
 */

static bool has_state(const char *path, const char *name, const char *wanted)
{
	autofree char *file = mem_printf("%s/%s", path, name);
	autobuf struct buf text = { 0 };
	struct error ignored;

	buf_init(&text, 4096);
	return file_read(AT_FDCWD, file, &text, &ignored) && strstr(text.data, wanted);
}

/* v1 freezes what is in the group now: who forks meanwhile leaves it FREEZING until it is told
 * again, and now and then only a thaw in between helps. */
static void insist(const char *path, int look)
{
	struct error ignored;

	if (look % THAW_LOOKS == THAW_LOOKS - 1)
		(void)!write_file(path, "freezer.state", "THAWED", &ignored);
	(void)!write_file(path, "freezer.state", "FROZEN", &ignored);
}

/* The kernel takes its time, but not long: the processes only have to get to where they stop. */
bool slice_freeze(const struct slice *slice, bool is_frozen, struct error *err)
{
	const char *path = slice->places[slice->is_unified ? 0 : 3].path;
	const char *file = slice->is_unified ? "cgroup.freeze" : "freezer.state";
	const char *wanted = slice->is_unified ? (is_frozen ? "frozen 1" : "frozen 0")
					       : (is_frozen ? "FROZEN" : "THAWED");
	struct error ignored;

	if (!write_file(path, file, slice->is_unified ? (is_frozen ? "1" : "0") : wanted, err))
		return false;
	for (int look = 0; look < FREEZE_LOOKS; look++) {
		if (has_state(path, slice->is_unified ? "cgroup.events" : "freezer.state", wanted))
			return true;
		usleep(FREEZE_LOOK_US);
		if (is_frozen && !slice->is_unified)
			insist(path, look);
	}
	if (is_frozen) /* not half of it */
		(void)!write_file(path, file, slice->is_unified ? "0" : "THAWED", &ignored);
	return error_set(err, ERROR_SYSTEM, "%s does not become %s", path, wanted);
}
