/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cgroupfile.h"
#include "runtime/cgroupstat.h"

/*
 * Statistics from a v2 group, under v1's names.
 */

#define NS_PER_US 1000

/* -- pressure -------------------------------------------------------------------------------- */

static const char *const averages[] = { "avg10", "avg60", "avg300" };

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static void put_pressure_line(struct jsonout *out, char *line)
{
	const char *kind = strsep(&line, " ");

	jsonout_object(out, kind);
	for (char *word; line && (word = strsep(&line, " ")) != NULL;) {
		const char *name = strsep(&word, "=");
		uint64_t total;

		if (!word || word[0] < '0' || word[0] > '9' ||
		    word[strspn(word, "0123456789.")] != '\0')
			continue;
		for (size_t i = 0; i < COUNT_OF(averages); i++)
			if (strcmp(name, averages[i]) == 0)
				jsonout_number(out, name, word);
		if (strcmp(name, "total") == 0 && cgroup_parse_number(word, &total))
			stat_put(out, name, total);
	}
	jsonout_object_end(out);
}

/* Nothing at all where the kernel does not measure. Older ones have no "full" for the processor. */
static void put_pressure(struct jsonout *out, const struct cgroup_place *place, const char *file)
{
	autobuf struct buf text = { 0 };
	bool has_full = false;

	if (!cgroup_read_all(place, file, &text) || text.length == 0)
		return;

	char *rest = text.data;

	jsonout_object(out, "psi");
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (strncmp(line, "some ", 5) != 0 && strncmp(line, "full ", 5) != 0)
			continue;
		has_full |= line[0] == 'f';
		put_pressure_line(out, line);
	}
	if (!has_full) {
		char none[] = "full avg10=0 avg60=0 avg300=0 total=0";

		put_pressure_line(out, none);
	}
	jsonout_object_end(out);
}

/* -- processor and memory -------------------------------------------------------------------- */

static uint64_t time_of(const struct cgroup_place *place, const char *key)
{
	return stat_key(place, "cpu.stat", key) * NS_PER_US;
}

static void put_cpu(struct jsonout *out, const struct cgroup_place *place)
{
	jsonout_object(out, "cpu");
	jsonout_object(out, "usage");
	stat_put_some(out, "total", time_of(place, "usage_usec"));
	stat_put(out, "kernel", time_of(place, "system_usec"));
	stat_put(out, "user", time_of(place, "user_usec"));
	jsonout_object_end(out);
	jsonout_object(out, "throttling");
	stat_put_some(out, "periods", stat_key(place, "cpu.stat", "nr_periods"));
	stat_put_some(out, "throttledPeriods", stat_key(place, "cpu.stat", "nr_throttled"));
	stat_put_some(out, "throttledTime", time_of(place, "throttled_usec"));
	jsonout_object_end(out);
	put_pressure(out, place, "cpu.pressure");
	jsonout_object_end(out);
}

/* v2 has no such switches; readers expect the members. */
static void put_cpuset(struct jsonout *out)
{
	static const char *const names[] = { "cpu_exclusive",           "mem_hardwall",
					     "mem_exclusive",           "memory_migrate",
					     "memory_spread_page",      "memory_spread_slab",
					     "memory_pressure",         "sched_load_balance",
					     "sched_relax_domain_level" };

	jsonout_object(out, "cpuset");
	for (size_t i = 0; i < COUNT_OF(names); i++)
		stat_put(out, names[i], 0);
	jsonout_object_end(out);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Swap is reported together with memory, as v1 counts it. */
static void put_memory(struct jsonout *out, const struct cgroup_place *place)
{
	const struct stat_memory none = { 0 };
	struct stat_memory memory = { .limit = stat_number(place, "memory.max"),
				      .usage = stat_number(place, "memory.current"),
				      .max = stat_number(place, "memory.peak") };
	struct stat_memory swap = {
		.limit = add(stat_number(place, "memory.swap.max"), memory.limit),
		.usage = add(stat_number(place, "memory.swap.current"), memory.usage)
	};

	jsonout_object(out, "memory");
	stat_put_some(out, "cache", stat_key(place, "memory.stat", "file"));
	stat_put_memory(out, "usage", &memory);
	stat_put_memory(out, "swap", &swap);
	stat_put_memory(out, "kernel", &none);
	stat_put_memory(out, "kernelTCP", &none);
	stat_put_raw(out, place);
	put_pressure(out, place, "memory.pressure");
	jsonout_object_end(out);
}

static void put_pids(struct jsonout *out, const struct cgroup_place *place)
{
	uint64_t current, limit = stat_number(place, "pids.max");
	struct cgroup_pids pids = { 0 };
	struct error ignored;

	if (!cgroup_number(place, "pids.current", &current)) {
		/* without the controller: by counting */
		(void)!cgroup_list_place(place, &pids, &ignored);
		current = pids.count;
		cgroup_pids_done(&pids);
	}
	jsonout_object(out, "pids");
	stat_put_some(out, "current", current);
	stat_put_some(out, "limit", limit == UINT64_MAX ? 0 : limit);
	jsonout_object_end(out);
}

/* -- block devices --------------------------------------------------------------------------- */

struct io_word {
	const char *name, *op;
};

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …": the two words that belong together, of every line. */
static void put_io(struct jsonout *out, const char *key, const struct cgroup_place *place,
		   const struct io_word words[2])
{
	autobuf struct buf text = { 0 };
	size_t count = 0;
	uint64_t value;

	if (!cgroup_read_all(place, "io.stat", &text) || text.length == 0)
		return;

	char *rest = text.data;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		const char *device = strsep(&line, " ");

		for (char *word; line && (word = strsep(&line, " ")) != NULL;) {
			const char *name = strsep(&word, "=");
			int which = strcmp(name, words[1].name) == 0;

			if (!word || strcmp(name, words[which].name) != 0 ||
			    !cgroup_parse_number(word, &value))
				continue;
			if (count++ == 0)
				jsonout_array(out, key);
			stat_put_block(out, device, words[which].op, value);
		}
	}
	if (count > 0)
		jsonout_array_end(out);
}

static void put_block(struct jsonout *out, const struct cgroup_place *place)
{
	static const struct io_word bytes[] = { { "rbytes", "Read" }, { "wbytes", "Write" } };
	static const struct io_word requests[] = { { "rios", "Read" }, { "wios", "Write" } };

	jsonout_object(out, "blkio");
	put_io(out, "ioServiceBytesRecursive", place, bytes);
	put_io(out, "ioServicedRecursive", place, requests);
	put_pressure(out, place, "io.pressure");
	jsonout_object_end(out);
}

/* -- the rest -------------------------------------------------------------------------------- */

static void put_hugepages(struct jsonout *out, const struct cgroup_place *place)
{
	autoarena struct arena arena = { 0 };
	const char *sizes[STAT_PAGE_SIZES];
	size_t count = stat_page_sizes(&arena, sizes);

	jsonout_object(out, "hugetlb");
	for (size_t i = 0; i < count; i++) {
		const char *prefix = arena_printf(&arena, "hugetlb.%s", sizes[i]);
		uint64_t usage;

		if (!cgroup_number(place, arena_printf(&arena, "%s.rsvd.current", prefix),
				   &usage) &&
		    !cgroup_number(place, arena_printf(&arena, "%s.current", prefix), &usage))
			continue;
		jsonout_object(out, sizes[i]);
		stat_put_some(out, "usage", usage);
		stat_put(out, "failcnt",
			 stat_key(place, arena_printf(&arena, "%s.events", prefix), "max"));
		jsonout_object_end(out);
	}
	jsonout_object_end(out);
}

void stat_v2(struct jsonout *out, const struct cgroup *cgroup)
{
	const struct cgroup_place *place = &cgroup->places[0];

	put_cpu(out, place);
	put_cpuset(out);
	put_memory(out, place);
	put_pids(out, place);
	put_block(out, place);
	put_hugepages(out, place);
}
