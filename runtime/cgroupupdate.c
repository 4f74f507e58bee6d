/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cgroupfile.h"
#include "runtime/cgroupsystemd.h"
#include "runtime/unitprop.h"

/*
 * New limits for groups in use. The kernel's files are the record of what holds now: from them
 * comes the other half of a pair of which only one half is given, and to them go back the values
 * that were read first, if a later one is refused.
 */

/* -- the other half -------------------------------------------------------------------------- */

static bool is_set(int64_t number)
{
	return number != SPEC_UNSET && number != 0;
}

/* A number of now; "max" is -1. */
static int64_t now(const struct cgroup *cgroup, const char *controller, const char *file)
{
	const struct cgroup_place *place = cgroup_place(cgroup, controller);
	char text[64];

	if (!place || !cgroup_read(place, file, text, sizeof(text)))
		return SPEC_UNSET;
	return strncmp(text, "max", 3) == 0 ? -1 : strtoll(text, NULL, 10);
}

static void complete_cpu(const struct cgroup *cgroup, struct spec_resources *wanted)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "cpu");
	int64_t quota, period;
	char text[64];

	if (is_set(wanted->cpu_quota) == is_set(wanted->cpu_period))
		return;
	if (cgroup->is_unified) { /* "max 100000" */
		if (!cgroup_read(place, "cpu.max", text, sizeof(text)) || !strchr(text, ' '))
			return;
		quota = strncmp(text, "max", 3) == 0 ? -1 : strtoll(text, NULL, 10);
		period = strtoll(strchr(text, ' '), NULL, 10);
	} else {
		quota = now(cgroup, "cpu", "cpu.cfs_quota_us");
		period = now(cgroup, "cpu", "cpu.cfs_period_us");
	}
	if (!is_set(wanted->cpu_quota))
		wanted->cpu_quota = quota;
	else
		wanted->cpu_period = period;
}

/* v2 limits swap alone, the caller speaks of memory and swap together. v1 has both as they are. */
static void complete_memory(const struct cgroup *cgroup, struct spec_resources *wanted)
{
	int64_t memory, swap;

	if (!cgroup->is_unified || is_set(wanted->memory_limit) == is_set(wanted->memory_swap))
		return;
	memory = now(cgroup, "memory", "memory.max");
	swap = now(cgroup, "memory", "memory.swap.max");
	if (!is_set(wanted->memory_limit))
		wanted->memory_limit = memory;
	else if (wanted->memory_limit > 0 && memory > 0 && swap >= 0)
		wanted->memory_swap = memory + swap;
}

/* -- setting back ---------------------------------------------------------------------------- */

static const struct {
	const char *controller, *v1, *v2;
} files[] = {
	{ "memory", "memory.memsw.limit_in_bytes", "memory.swap.max" },
	{ "memory", "memory.limit_in_bytes", "memory.max" },
	{ "memory", "memory.soft_limit_in_bytes", "memory.low" },
	{ "cpu", "cpu.idle", "cpu.idle" },
	{ "cpu", "cpu.shares", "cpu.weight" },
	{ "cpu", "cpu.cfs_quota_us", "cpu.max" },
	{ "cpu", "cpu.cfs_period_us", NULL },
	{ "cpu", "cpu.cfs_burst_us", "cpu.max.burst" },
	{ "cpu", "cpu.rt_runtime_us", NULL },
	{ "cpu", "cpu.rt_period_us", NULL },
	{ "cpuset", "cpuset.cpus", "cpuset.cpus" },
	{ "cpuset", "cpuset.mems", "cpuset.mems" },
	{ "pids", "pids.max", "pids.max" },
	{ "blkio", "blkio.weight", "io.weight" },
	{ "blkio", "blkio.bfq.weight", "io.bfq.weight" },
};

#define VALUE_MAX 1024

struct values {
	char text[COUNT_OF(files)][VALUE_MAX];
	bool is_there[COUNT_OF(files)];
	bool was_empty[COUNT_OF(files)]; /* and `text` is what that came to */
};

static bool read_value(const struct cgroup *cgroup, size_t i, char value[VALUE_MAX])
{
	const struct cgroup_place *place = cgroup_place(cgroup, files[i].controller);
	const char *file = cgroup->is_unified ? files[i].v2 : files[i].v1;

	return place && file && cgroup_read(place, file, value, VALUE_MAX);
}

/* A v2 cpuset that says nothing has what is above; it cannot be emptied again while it is in use.
 */
static void remember(const struct cgroup *cgroup, struct values *old)
{
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char file[64];

		old->is_there[i] = read_value(cgroup, i, old->text[i]);
		if (!cgroup->is_unified || !old->is_there[i] || old->text[i][0])
			continue;
		snprintf(file, sizeof(file), "%s.effective", files[i].v2);
		old->was_empty[i] = cgroup_read(&cgroup->places[0], file, old->text[i], VALUE_MAX);
	}
}

/* Twice, because some values can only go back after others have. */
static void set_back(const struct cgroup *cgroup, const struct values *old)
{
	char text[VALUE_MAX];
	struct error ignored;

	for (size_t i = 0; i < 2 * COUNT_OF(files); i++) {
		size_t n = i % COUNT_OF(files);

		if (!old->is_there[n] || !read_value(cgroup, n, text) ||
		    strcmp(text, old->text[n]) == 0 || (old->was_empty[n] && !text[0]))
			continue;
		(void)!cgroup_write(cgroup_place(cgroup, files[n].controller),
				    cgroup->is_unified ? files[n].v2 : files[n].v1, old->text[n],
				    &ignored);
	}
}

/* -------------------------------------------------------------------------------------------- */

bool cgroup_update(const struct cgroup *cgroup, const struct spec_resources *resources,
		   struct error *err)
{
	autofree struct values *old = mem_alloc(sizeof(*old));
	struct spec_resources wanted = *resources;
	bool is_good;

	if (cgroup->count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "the container has no control groups");
	complete_cpu(cgroup, &wanted);
	complete_memory(cgroup, &wanted);
	remember(cgroup, old);
	if (cgroup->unit.name)
		wanted.cpu_quota = unitprop_round_quota(wanted.cpu_quota, wanted.cpu_period);
	if (!cgroupsystemd_update(cgroup, &wanted, err))
		return false;
	is_good = cgroup->is_unified ? cgroup_set_v2(cgroup, &wanted, err)
				     : cgroup_set_v1(cgroup, &wanted, err);
	if (!is_good)
		set_back(cgroup, old);
	return is_good;
}
