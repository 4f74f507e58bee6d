/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cgroupfile.h"
#include "runtime/cgroupstat.h"

/*
 * Statistics from v1 groups.
 */

#define NS_PER_TICK 10000000 /* cpuacct.stat counts hundredths of a second on every machine */
#define CPUS_MAX    8192

/* -- processor ------------------------------------------------------------------------------- */

/* The numbers of one line of cpuacct.usage_percpu. */
static void put_per_cpu(struct jsonout *out, const struct cgroup_place *place)
{
	autobuf struct buf text = { 0 };

	if (!place || !cgroup_read_all(place, "cpuacct.usage_percpu", &text) || text.length == 0)
		return;

	const char *at = text.data;
	uint64_t number;

	jsonout_array(out, "percpu");
	for (int cpu = 0; cpu < CPUS_MAX && cgroup_parse_number(at + strspn(at, " "), &number);
	     cpu++) {
		stat_put(out, NULL, number);
		at += strspn(at, " ");
		at += strcspn(at, " ");
	}
	jsonout_array_end(out);
}

/* One column of cpuacct.usage_all: "cpu user system", then a line for each. */
static void put_column(struct jsonout *out, const char *key, const struct cgroup_place *place,
		       int column)
{
	autobuf struct buf text = { 0 };
	unsigned long long cells[3];

	if (!place || !cgroup_read_all(place, "cpuacct.usage_all", &text) || text.length == 0 ||
	    strncmp(text.data, "cpu user system", 15) != 0)
		return;
	jsonout_array(out, key);
	for (const char *line = text.data; (line = strchr(line, '\n')) != NULL;) {
		line++;
		if (sscanf(line, "%llu %llu %llu", &cells[0], &cells[1], &cells[2]) == 3)
			stat_put(out, NULL, cells[column]);
	}
	jsonout_array_end(out);
}

static void put_cpu(struct jsonout *out, const struct cgroup *cgroup)
{
	const struct cgroup_place *account = cgroup_place(cgroup, "cpuacct");
	const struct cgroup_place *place = cgroup_place(cgroup, "cpu");

	jsonout_object(out, "cpu");
	jsonout_object(out, "usage");
	stat_put_some(out, "total", stat_number(account, "cpuacct.usage"));
	put_per_cpu(out, account);
	put_column(out, "percpu_kernel", account, 2);
	put_column(out, "percpu_user", account, 1);
	stat_put(out, "kernel", stat_key(account, "cpuacct.stat", "system") * NS_PER_TICK);
	stat_put(out, "user", stat_key(account, "cpuacct.stat", "user") * NS_PER_TICK);
	jsonout_object_end(out);
	jsonout_object(out, "throttling");
	stat_put_some(out, "periods", stat_key(place, "cpu.stat", "nr_periods"));
	stat_put_some(out, "throttledPeriods", stat_key(place, "cpu.stat", "nr_throttled"));
	stat_put_some(out, "throttledTime", stat_key(place, "cpu.stat", "throttled_time"));
	jsonout_object_end(out);
	jsonout_object_end(out);
}

/* "0-2,5" as 0, 1, 2, 5. */
static void put_list(struct jsonout *out, const char *key, const struct cgroup_place *place,
		     const char *file)
{
	char text[1024], *at = text;
	int left = CPUS_MAX;

	if (!place || !cgroup_read(place, file, text, sizeof(text)) || !text[0])
		return;
	jsonout_array(out, key);
	do {
		unsigned long first = strtoul(at, &at, 10);
		unsigned long last = *at == '-' ? strtoul(at + 1, &at, 10) : first;

		for (; first <= last && left > 0; first++, left--)
			stat_put(out, NULL, first);
	} while (*at++ == ',');
	jsonout_array_end(out);
}

static void put_cpuset(struct jsonout *out, const struct cgroup *cgroup)
{
	static const char *const names[] = { "mem_hardwall",       "mem_exclusive",
					     "memory_migrate",     "memory_spread_page",
					     "memory_spread_slab", "memory_pressure",
					     "sched_load_balance" };
	const struct cgroup_place *place = cgroup_place(cgroup, "cpuset");
	char level[24] = "0";

	jsonout_object(out, "cpuset");
	put_list(out, "cpus", place, "cpuset.cpus");
	stat_put(out, "cpu_exclusive", stat_number(place, "cpuset.cpu_exclusive"));
	put_list(out, "mems", place, "cpuset.mems");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char file[64];

		snprintf(file, sizeof(file), "cpuset.%s", names[i]);
		stat_put(out, names[i], stat_number(place, file));
	}
	if (place)
		(void)cgroup_read(place, "cpuset.sched_relax_domain_level", level, sizeof(level));
	jsonout_int(out, "sched_relax_domain_level", strtoll(level, NULL, 10));
	jsonout_object_end(out);
}

/* -- memory ---------------------------------------------------------------------------------- */

static void put_memory_of(struct jsonout *out, const char *key, const struct cgroup_place *place,
			  const char *part)
{
	struct stat_memory memory = { 0 };
	const struct {
		const char *suffix;
		uint64_t *number;
	} files[] = {
		{ "usage_in_bytes", &memory.usage },
		{ "max_usage_in_bytes", &memory.max },
		{ "failcnt", &memory.failures },
		{ "limit_in_bytes", &memory.limit },
	};

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char file[64];

		snprintf(file, sizeof(file), "memory%s.%s", part, files[i].suffix);
		*files[i].number = stat_number(place, file);
	}
	stat_put_memory(out, key, &memory);
}

static void put_memory(struct jsonout *out, const struct cgroup *cgroup)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "memory");

	jsonout_object(out, "memory");
	stat_put_some(out, "cache", stat_key(place, "memory.stat", "cache"));
	put_memory_of(out, "usage", place, "");
	put_memory_of(out, "swap", place, ".memsw");
	put_memory_of(out, "kernel", place, ".kmem");
	put_memory_of(out, "kernelTCP", place, ".kmem.tcp");
	stat_put_raw(out, place);
	jsonout_object_end(out);
}

/* -- block devices --------------------------------------------------------------------------- */

/* "8:0 Read 1282048", "8:0 6792"; the last line is "Total 3477504". */
static bool read_block_line(char *line, const char **device, const char **op, uint64_t *value)
{
	char *second, *third;

	*device = strsep(&line, " ");
	second = strsep(&line, " ");
	third = strsep(&line, " ");
	*op = third ? second : NULL;
	return second && strchr(*device, ':') && cgroup_parse_number(third ? third : second, value);
}

/* The file's entries under `key`; with a NULL `out` says only whether there are any. */
static bool put_block_file(struct jsonout *out, const char *key, const struct cgroup_place *place,
			   const char *file)
{
	autobuf struct buf text = { 0 };
	const char *device, *op;
	uint64_t value;
	size_t count = 0;

	if (!cgroup_read_all(place, file, &text) || text.length == 0)
		return false;

	char *rest = text.data;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (!read_block_line(line, &device, &op, &value))
			continue;
		if (!out)
			return true;
		if (count++ == 0)
			jsonout_array(out, key);
		stat_put_block(out, device, op, value);
	}
	if (count > 0)
		jsonout_array_end(out);
	return count > 0;
}

/* Schedulers count under names of their own; the throttle counts for all of them. */
static void put_block(struct jsonout *out, const struct cgroup *cgroup)
{
	static const char *const sources[][2] = { { "blkio.bfq.", "_recursive" },
						  { "blkio.", "_recursive" },
						  { "blkio.throttle.", "_recursive" },
						  { "blkio.throttle.", "" } };
	static const char *const lists[][2] = {
		{ "ioServiceBytesRecursive", "io_service_bytes" },
		{ "ioServicedRecursive", "io_serviced" },
		{ "ioQueueRecursive", "io_queued" },
		{ "ioServiceTimeRecursive", "io_service_time" },
		{ "ioWaitTimeRecursive", "io_wait_time" },
		{ "ioMergedRecursive", "io_merged" },
		{ "ioTimeRecursive", "time" },
		{ "sectorsRecursive", "sectors" },
	};
	const struct cgroup_place *place = cgroup_place(cgroup, "blkio");
	size_t source = 0;

	jsonout_object(out, "blkio");
	for (; place && source < COUNT_OF(sources); source++) {
		autofree char *file =
			mem_printf("%s%s%s", sources[source][0], lists[0][1], sources[source][1]);

		if (put_block_file(NULL, NULL, place, file))
			break;
	}
	for (size_t i = 0; place && source < COUNT_OF(sources) && i < COUNT_OF(lists); i++) {
		autofree char *file =
			mem_printf("%s%s%s", sources[source][0], lists[i][1], sources[source][1]);

		(void)put_block_file(out, lists[i][0], place, file);
	}
	jsonout_object_end(out);
}

/* -- the rest -------------------------------------------------------------------------------- */

static void put_hugepages(struct jsonout *out, const struct cgroup *cgroup)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "hugetlb");
	autoarena struct arena arena = { 0 };
	const char *sizes[STAT_PAGE_SIZES];
	size_t count = place ? stat_page_sizes(&arena, sizes) : 0;

	jsonout_object(out, "hugetlb");
	for (size_t i = 0; i < count; i++) {
		const char *prefix = arena_printf(&arena, "hugetlb.%s.rsvd", sizes[i]);
		uint64_t ignored;

		if (!cgroup_number(place, arena_printf(&arena, "%s.usage_in_bytes", prefix),
				   &ignored))
			prefix = arena_printf(&arena, "hugetlb.%s", sizes[i]);
		jsonout_object(out, sizes[i]);
		stat_put_some(
			out, "usage",
			stat_number(place, arena_printf(&arena, "%s.usage_in_bytes", prefix)));
		stat_put_some(
			out, "max",
			stat_number(place, arena_printf(&arena, "%s.max_usage_in_bytes", prefix)));
		stat_put(out, "failcnt",
			 stat_number(place, arena_printf(&arena, "%s.failcnt", prefix)));
		jsonout_object_end(out);
	}
	jsonout_object_end(out);
}

void stat_v1(struct jsonout *out, const struct cgroup *cgroup)
{
	const struct cgroup_place *pids = cgroup_place(cgroup, "pids");
	uint64_t limit = stat_number(pids, "pids.max");

	put_cpu(out, cgroup);
	put_cpuset(out, cgroup);
	put_memory(out, cgroup);
	jsonout_object(out, "pids");
	stat_put_some(out, "current", stat_number(pids, "pids.current"));
	stat_put_some(out, "limit", limit == UINT64_MAX ? 0 : limit);
	jsonout_object_end(out);
	put_block(out, cgroup);
	put_hugepages(out, cgroup);
}
