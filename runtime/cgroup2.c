/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cgroupfile.h"

/*
 * Limits on cgroup v2: the same wishes under other names.
 */

#define SHARES_MAX 262144

/* The quadratic curve on which 2 → 1, 1024 → 100 and 262144 → 10000. */
static int64_t weight_of(int64_t shares)
{
	double l = log2((double)shares);

	if (shares <= 2)
		return 1;
	if (shares >= SHARES_MAX)
		return 10000;
	return (int64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

static bool set(const struct cgroup_place *place, const char *file, int64_t number,
		struct error *err)
{
	if (number == SPEC_UNSET || number == 0)
		return true;
	if (number < 0)
		return cgroup_write(place, file, "max", err);
	return cgroup_write_number(place, file, number, err);
}

/* v1 counts memory and swap together, v2 swap alone. Swap goes first: a small memory.max could kill
 * before. */
static bool limit_memory(const struct cgroup_place *place, const struct spec_resources *wanted,
			 struct error *err)
{
	int64_t swap = wanted->memory_swap, limit = wanted->memory_limit;

	if (swap > 0) {
		if (limit == SPEC_UNSET || limit == 0)
			return error_set(err, ERROR_INPUT,
					 "unable to set swap limit without memory limit");
		if (!cgroup_write_number(place, "memory.swap.max", limit > 0 ? swap - limit : swap,
					 err))
			return false;
	} else if (swap == -1 && !cgroup_write(place, "memory.swap.max", "max", err)) {
		return false;
	}
	return set(place, "memory.max", limit, err) &&
	       set(place, "memory.low", wanted->memory_reservation, err);
}

static bool limit_cpu(const struct cgroup_place *place, const struct spec_resources *wanted,
		      struct error *err)
{
	bool has_quota = wanted->cpu_quota != SPEC_UNSET && wanted->cpu_quota != 0;
	bool has_period = wanted->cpu_period != SPEC_UNSET && wanted->cpu_period != 0;
	char text[64];

	if (wanted->cpu_shares > 0 &&
	    !cgroup_write_number(place, "cpu.weight", weight_of(wanted->cpu_shares), err))
		return false;
	if (has_quota || has_period) {
		if (wanted->cpu_quota > 0)
			snprintf(text, sizeof(text), "%lld %lld", (long long)wanted->cpu_quota,
				 has_period ? (long long)wanted->cpu_period : 100000);
		else
			snprintf(text, sizeof(text), "max %lld",
				 has_period ? (long long)wanted->cpu_period : 100000);
		if (!cgroup_write(place, "cpu.max", text, err))
			return false;
	}
	return set(place, "cpu.max.burst", wanted->cpu_burst, err) &&
	       set(place, "cpu.idle", wanted->cpu_idle, err) &&
	       (!wanted->cpus || !wanted->cpus[0] ||
		cgroup_write(place, "cpuset.cpus", wanted->cpus, err)) &&
	       (!wanted->mems || !wanted->mems[0] ||
		cgroup_write(place, "cpuset.mems", wanted->mems, err));
}

static bool limit_block(const struct cgroup_place *place, const struct spec_resources *wanted,
			struct error *err)
{
	static const char *const names[][2] = {
		{ "read_bps", "rbps" },
		{ "write_bps", "wbps" },
		{ "read_iops", "riops" },
		{ "write_iops", "wiops" },
	};
	char text[96];

	if (wanted->block_weight > 0 &&
	    !cgroup_write_number(place, "io.weight", 1 + (wanted->block_weight - 10) * 9999 / 990,
				 err))
		return false;
	for (size_t i = 0; i < wanted->throttle_count; i++) {
		const struct spec_throttle *limit = &wanted->throttles[i];

		for (size_t n = 0; n < COUNT_OF(names); n++) {
			if (strcmp(limit->what, names[n][0]) != 0)
				continue;
			snprintf(text, sizeof(text), "%lld:%lld %s=%llu", (long long)limit->major,
				 (long long)limit->minor, names[n][1],
				 (unsigned long long)limit->rate);
			if (!cgroup_write(place, "io.max", text, err))
				return false;
		}
	}
	return true;
}

static bool limit_rest(const struct cgroup_place *place, const struct spec_resources *wanted,
		       struct error *err)
{
	char file[96], text[24];

	if (wanted->pids_limit != SPEC_UNSET &&
	    !set(place, "pids.max", wanted->pids_limit ? wanted->pids_limit : 1, err))
		return false;
	for (size_t i = 0; i < wanted->hugepage_count; i++) {
		snprintf(file, sizeof(file), "hugetlb.%.32s.max", wanted->hugepages[i].size);
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)wanted->hugepages[i].limit);
		if (!cgroup_write(place, file, text, err))
			return false;
	}
	for (size_t i = 0; i < wanted->unified_count; i++)
		if (!cgroup_write(place, wanted->unified[i].name, wanted->unified[i].value, err))
			return false;
	return true;
}

bool cgroup_limit_v2(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	const struct spec_resources *wanted = &spec->resources;
	const struct cgroup_place *place = &cgroup->places[0];

	if (cgroup->count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "no cgroup hierarchy is mounted");
	/* In a user namespace of our own we may not; but nobody there can make device nodes. */
	if (!cgroup_filter_devices(place, wanted, err) &&
	    !(spec->namespaces[NAMESPACE_USER].is_wanted && err->kind == ERROR_DENIED))
		return false;
	if (!wanted->is_given)
		return true;
	return limit_memory(place, wanted, err) && limit_cpu(place, wanted, err) &&
	       limit_block(place, wanted, err) && limit_rest(place, wanted, err);
}
