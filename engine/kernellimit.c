/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernellimit.h"

#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/userns.h"

/*
 * Of version 1 the files in the root of a hierarchy tell; of version 2, where the root has none of
 * them, the list of controllers. The usual places are looked at first: nothing else is opened for a
 * limit that can be kept.
 */

#define GROUPS   "/sys/fs/cgroup"
#define LINE_MAX 256
#define PATH_LEN 128

enum kind {
	KIND_NUMBER,
	KIND_FLAG,
	KIND_TEXT,
	KIND_TEXTS
};

struct limit {
	size_t offset; /* in struct container */
	enum kind kind;
	/* Version 1: one of two files in the root of the controller's hierarchy. */
	const char *controller, *file, *other_file;
	const char *unified; /* version 2: the controller; NULL: it has no such limit */
	const char *warning;
};

#define AT(member)  offsetof(struct container, member)
#define UNMOUNTED   " or the cgroup is not mounted. "
#define UNSUPPORTED "Your kernel does not support "
/* The weights of the scheduler BFQ are not in the root, but what it counts is. */
#define BFQ "blkio.bfq.io_serviced"

static const struct limit memory = {
	AT(memory),
	KIND_NUMBER,
	"memory",
	"memory.limit_in_bytes",
	NULL,
	"memory",
	UNSUPPORTED "memory limit capabilities" UNMOUNTED "Limitation discarded.",
};

static const struct limit swap = {
	AT(memory_swap),
	KIND_NUMBER,
	"memory",
	"memory.memsw.limit_in_bytes",
	NULL,
	"memory",
	UNSUPPORTED "swap limit capabilities" UNMOUNTED "Memory limited without swap.",
};

static const struct limit cpus = {
	AT(nano_cpus), KIND_NUMBER, "cpu", "cpu.cfs_quota_us", NULL, "cpu", NULL,
};

/* In docker's order. */
static const struct limit limits[] = {
	{ AT(has_swappiness), KIND_FLAG, "memory", "memory.swappiness", NULL, NULL,
	  UNSUPPORTED "memory swappiness capabilities" UNMOUNTED "Memory swappiness discarded." },
	{ AT(memory_reservation), KIND_NUMBER, "memory", "memory.soft_limit_in_bytes", NULL,
	  "memory",
	  UNSUPPORTED "memory soft limit capabilities" UNMOUNTED "Limitation discarded." },
	{ AT(has_no_oom_kill), KIND_FLAG, "memory", "memory.oom_control", NULL, NULL,
	  UNSUPPORTED "OomKillDisable. OomKillDisable discarded." },
	{ AT(pids_limit), KIND_NUMBER, "pids", "cgroup.procs", NULL, "pids",
	  UNSUPPORTED "PIDs limit capabilities" UNMOUNTED "PIDs limit discarded." },
	{ AT(cpu_shares), KIND_NUMBER, "cpu", "cpu.shares", NULL, "cpu",
	  UNSUPPORTED "CPU shares" UNMOUNTED "Shares discarded." },
	{ AT(cpu_period), KIND_NUMBER, "cpu", "cpu.cfs_quota_us", NULL, "cpu",
	  UNSUPPORTED "CPU CFS scheduler. CPU period/quota discarded." },
	{ AT(cpu_quota), KIND_NUMBER, "cpu", "cpu.cfs_quota_us", NULL, "cpu",
	  UNSUPPORTED "CPU CFS scheduler. CPU period/quota discarded." },
	{ AT(cpuset_cpus), KIND_TEXT, "cpuset", "cpuset.cpus", NULL, "cpuset",
	  UNSUPPORTED "cpuset" UNMOUNTED "Cpuset discarded." },
	{ AT(cpuset_mems), KIND_TEXT, "cpuset", "cpuset.mems", NULL, "cpuset",
	  UNSUPPORTED "cpuset" UNMOUNTED "Cpuset discarded." },
	{ AT(blkio_weight), KIND_NUMBER, "blkio", "blkio.weight", BFQ, "io",
	  UNSUPPORTED "Block I/O weight" UNMOUNTED "Weight discarded." },
	{ AT(block_weights), KIND_TEXTS, "blkio", "blkio.weight_device", BFQ, "io",
	  UNSUPPORTED "Block I/O weight_device" UNMOUNTED "Weight-device discarded." },
	{ AT(block_read_bps), KIND_TEXTS, "blkio", "blkio.throttle.read_bps_device", NULL, "io",
	  UNSUPPORTED "BPS Block I/O read limit" UNMOUNTED "Block I/O BPS read limit discarded." },
	{ AT(block_write_bps), KIND_TEXTS, "blkio", "blkio.throttle.write_bps_device", NULL, "io",
	  UNSUPPORTED "BPS Block I/O write limit" UNMOUNTED
		      "Block I/O BPS write limit discarded." },
	{ AT(block_read_iops), KIND_TEXTS, "blkio", "blkio.throttle.read_iops_device", NULL, "io",
	  UNSUPPORTED "IOPS Block read limit" UNMOUNTED "Block I/O IOPS read limit discarded." },
	{ AT(block_write_iops), KIND_TEXTS, "blkio", "blkio.throttle.write_iops_device", NULL, "io",
	  UNSUPPORTED "IOPS Block write limit" UNMOUNTED "Block I/O IOPS write limit discarded." },
};

/* What the kernel has. --------------------------------------------------------------------------
 */

static bool is_unified(void)
{
	struct statfs info;

	return statfs(GROUPS, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

static bool has_unified(const char *controller)
{
	FILE *file = fopen(GROUPS "/cgroup.controllers", "re");
	char line[LINE_MAX] = "";
	bool is_there = false;

	if (!file)
		return false;
	if (fgets(line, sizeof(line), file)) {
		char *rest = line;

		for (char *word; (word = strsep(&rest, " \n"));)
			is_there |= strcmp(word, controller) == 0;
	}
	fclose(file);
	return is_there;
}

/* In /proc/cgroups a controller of a mounted hierarchy has a number other than 0. */
static bool is_mounted_elsewhere(const char *controller)
{
	FILE *file = fopen("/proc/cgroups", "re");
	char line[LINE_MAX], name[64];
	bool is_there = false;
	int hierarchy;

	while (file && fgets(line, sizeof(line), file))
		is_there |= sscanf(line, "%63s %d", name, &hierarchy) == 2 && hierarchy != 0 &&
			    strcmp(name, controller) == 0;
	if (file)
		fclose(file);
	return is_there;
}

static bool is_there(const char *controller, const char *file)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), GROUPS "/%s/%s", controller, file);
	return access(path, F_OK) == 0;
}

/* The runtime looks elsewhere only if there are none: see cgroupfind.c. */
static bool has_usual_places(void)
{
	static const char *const names[] = { "cpu",  "cpuset",  "memory", "devices",
					     "pids", "freezer", "blkio",  "systemd" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (is_there(names[i], ""))
			return true;
	return false;
}

static bool is_kept(const struct limit *limit)
{
	if (is_there(limit->controller, limit->file) ||
	    (limit->other_file && is_there(limit->controller, limit->other_file)))
		return true;
	if (is_unified())
		return limit->unified && has_unified(limit->unified);
	return !has_usual_places() && is_mounted_elsewhere(limit->controller);
}

/* What is asked of it. --------------------------------------------------------------------------
 */

static bool is_asked(const struct limit *limit, const void *place)
{
	switch (limit->kind) {
	case KIND_NUMBER:
		return *(const int64_t *)place > 0;
	case KIND_FLAG:
		return *(const bool *)place;
	case KIND_TEXT:
		return *(const char *const *)place && **(const char *const *)place;
	case KIND_TEXTS:
		return ((const struct texts *)place)->count > 0;
	}
	return false;
}

static void discard(const struct limit *limit, void *place)
{
	switch (limit->kind) {
	case KIND_NUMBER:
		*(int64_t *)place = 0;
		break;
	case KIND_FLAG:
		*(bool *)place = false;
		break;
	case KIND_TEXT:
		*(const char **)place = "";
		break;
	case KIND_TEXTS:
		((struct texts *)place)->count = 0;
		break;
	}
}

static void warn(struct texts *warnings, const struct limit *limit)
{
	if (!texts_has(warnings, limit->warning))
		texts_add(warnings, limit->warning);
}

/* Without a limit of its own memory with swap has twice that of memory: see bundlelimit.c. */
static void discard_memory(struct container *container, struct texts *warnings)
{
	if (container->memory > 0 && !is_kept(&memory)) {
		warn(warnings, &memory);
		container->memory = 0;
		container->memory_swap = -1;
	}
	if (container->memory > 0 && container->memory_swap != -1 && !is_kept(&swap)) {
		warn(warnings, &swap);
		container->memory_swap = -1;
	}
}

bool kernellimit_discard(struct container *container, struct texts *warnings, struct error *err)
{
	if (userns_is_inside()) /* nothing is kept there, which is another warning */
		return true;
	discard_memory(container, warnings);
	if (is_asked(&cpus, &container->nano_cpus) && !is_kept(&cpus))
		return error_set(err, ERROR_UNSUPPORTED,
				 "NanoCPUs can not be set, as your kernel does not support CPU CFS "
				 "scheduler or the cgroup is not mounted");
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		void *place = (char *)container + limits[i].offset;

		if (!is_asked(&limits[i], place) || is_kept(&limits[i]))
			continue;
		warn(warnings, &limits[i]);
		discard(&limits[i], place);
	}
	if (container->has_no_oom_kill && !container->memory)
		texts_add(warnings, "OOM killer is disabled for the container, but no memory limit "
				    "is set, this can result in the system running out of "
				    "resources.");
	return true;
}
