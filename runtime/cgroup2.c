/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cgroupfile.h"

/*
 * Limits on cgroup v2: the same wishes under other names.
 */

#define SHARES_MAX 262144

/* The quadratic curve on which 2 → 1, 1024 → 100 and 262144 → 10000. */
int64_t cgroup_weight_of(int64_t shares)
{
	double l = log2((double)shares);

	if (shares <= 2)
		return 1;
	if (shares >= SHARES_MAX)
		return 10000;
	return (int64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

int64_t cgroup_io_weight_of(int64_t weight)
{
	return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static bool is_set(int64_t number)
{
	return number != SPEC_UNSET && number != 0;
}

static bool set(const struct cgroup_place *place, const char *file, int64_t number,
		struct error *err)
{
	if (!is_set(number))
		return true;
	if (number < 0)
		return cgroup_write(place, file, "max", err);
	return cgroup_write_number(place, file, number, err);
}

/* -- memory ---------------------------------------------------------------------------------- */

/* v1 counts memory and swap together, v2 swap alone. *swap is SPEC_UNSET, -1 or a number. */
static bool convert_swap(int64_t together, int64_t limit, int64_t *swap, struct error *err)
{
	*swap = is_set(together) ? together : SPEC_UNSET;
	if (limit == -1 && !is_set(together))
		*swap = -1; /* all is unlimited, as on v1 */
	if (*swap <= 0 || limit == -1)
		return true;
	if (!is_set(limit))
		return error_set(err, ERROR_INPUT, "unable to set swap limit without memory limit");
	if (together < limit)
		return error_set(err, ERROR_INPUT, "memory+swap limit should be >= memory limit");
	*swap = together - limit;
	return true;
}

/* A limit below what is in use makes the kernel kill; on request it is refused instead. */
static bool check_usage(const struct cgroup_place *place, const struct spec_resources *wanted,
			struct error *err)
{
	int64_t swap = wanted->memory_swap, limit = wanted->memory_limit;
	uint64_t usage;

	if (!wanted->is_memory_checked || !cgroup_number(place, "memory.current", &usage))
		return true;
	if (swap > 0 && (uint64_t)swap <= usage)
		return error_set(err, ERROR_INPUT, "rejecting memory+swap limit %lld <= usage %llu",
				 (long long)swap, (unsigned long long)usage);
	if (limit > 0 && (uint64_t)limit <= usage)
		return error_set(err, ERROR_INPUT, "rejecting memory limit %lld <= usage %llu",
				 (long long)limit, (unsigned long long)usage);
	return true;
}

/* Swap goes first: a small memory.max could kill before. Where there is no swap, none and no limit
 * are both true already. */
static bool limit_memory(const struct cgroup_place *place, const struct spec_resources *wanted,
			 struct error *err)
{
	int64_t swap;

	if (!convert_swap(wanted->memory_swap, wanted->memory_limit, &swap, err) ||
	    !check_usage(place, wanted, err))
		return false;
	if (swap != SPEC_UNSET) {
		bool is_written =
			swap < 0 ? cgroup_write(place, "memory.swap.max", "max", err)
				 : cgroup_write_number(place, "memory.swap.max", swap, err);

		if (!is_written && (err->kind != ERROR_NOT_FOUND || swap > 0))
			return false;
	}
	return set(place, "memory.max", wanted->memory_limit, err) &&
	       set(place, "memory.low", wanted->memory_reservation, err);
}

/* -- processor ------------------------------------------------------------------------------- */

/* The kernel checks the burst against the quota: if the old one is in the way, the quota goes
 * first. */
static bool limit_time(const struct cgroup_place *place, const struct spec_resources *wanted,
		       struct error *err)
{
	bool has_max = is_set(wanted->cpu_quota) || is_set(wanted->cpu_period);
	bool has_burst = wanted->cpu_burst != SPEC_UNSET;
	int64_t period = is_set(wanted->cpu_period) ? wanted->cpu_period : 100000;
	char text[64];

	if (has_burst && cgroup_write_number(place, "cpu.max.burst", wanted->cpu_burst, err))
		has_burst = false;
	else if (has_burst && (err->sys != EINVAL || !is_set(wanted->cpu_quota)))
		return false;
	if (wanted->cpu_quota > 0)
		snprintf(text, sizeof(text), "%lld %lld", (long long)wanted->cpu_quota,
			 (long long)period);
	else
		snprintf(text, sizeof(text), "max %lld", (long long)period);
	return (!has_max || cgroup_write(place, "cpu.max", text, err)) &&
	       (!has_burst || cgroup_write_number(place, "cpu.max.burst", wanted->cpu_burst, err));
}

static bool limit_cpu(const struct cgroup_place *place, const struct spec_resources *wanted,
		      struct error *err)
{
	if (wanted->cpu_idle != SPEC_UNSET &&
	    !cgroup_write_number(place, "cpu.idle", wanted->cpu_idle, err))
		return false;
	if (wanted->cpu_shares > 0 &&
	    !cgroup_write_number(place, "cpu.weight", cgroup_weight_of(wanted->cpu_shares), err))
		return false;
	return limit_time(place, wanted, err) &&
	       (!wanted->cpus || !wanted->cpus[0] ||
		cgroup_write(place, "cpuset.cpus", wanted->cpus, err)) &&
	       (!wanted->mems || !wanted->mems[0] ||
		cgroup_write(place, "cpuset.mems", wanted->mems, err));
}

/* -- block devices --------------------------------------------------------------------------- */

/* The scheduler BFQ takes v1's weights as they are, everything else a scale of its own. */
static bool set_weight(const struct cgroup_place *place, int64_t weight, struct error *err)
{
	if (weight <= 0)
		return true;
	if (cgroup_write_number(place, "io.bfq.weight", weight, err))
		return true;
	return err->kind == ERROR_NOT_FOUND &&
	       cgroup_write_number(place, "io.weight", cgroup_io_weight_of(weight), err);
}

/* Kernels before 5.4 have one number in io.bfq.weight, later ones "default N" and devices. Without
 * BFQ no device has a weight. */
static bool set_device_weight(const struct cgroup_place *place, const struct spec_throttle *device,
			      struct error *err)
{
	char text[96];

	if (!cgroup_read(place, "io.bfq.weight", text, sizeof(text)) || text[0] != 'd')
		return true;
	snprintf(text, sizeof(text), "%lld:%lld %llu", (long long)device->major,
		 (long long)device->minor, (unsigned long long)device->rate);
	return cgroup_write(place, "io.bfq.weight", text, err);
}

static bool set_rate(const struct cgroup_place *place, const struct spec_throttle *limit,
		     struct error *err)
{
	static const char *const names[][2] = {
		{ "read_bps", "rbps" },
		{ "write_bps", "wbps" },
		{ "read_iops", "riops" },
		{ "write_iops", "wiops" },
	};
	char text[96];

	for (size_t n = 0; n < COUNT_OF(names); n++) {
		if (strcmp(limit->what, names[n][0]) != 0)
			continue;
		snprintf(text, sizeof(text), "%lld:%lld %s=%llu", (long long)limit->major,
			 (long long)limit->minor, names[n][1], (unsigned long long)limit->rate);
		return cgroup_write(place, "io.max", text, err);
	}
	return true; /* leaf weights are v1's alone */
}

static bool limit_block(const struct cgroup_place *place, const struct spec_resources *wanted,
			struct error *err)
{
	if (!set_weight(place, wanted->block_weight, err))
		return false;
	for (size_t i = 0; i < wanted->throttle_count; i++) {
		const struct spec_throttle *limit = &wanted->throttles[i];

		if (!(strcmp(limit->what, "weight") == 0 ? set_device_weight(place, limit, err)
							 : set_rate(place, limit, err)))
			return false;
	}
	return true;
}

/* -- the rest -------------------------------------------------------------------------------- */

/* The limit for reservations came later; a kernel without it does without. */
static bool limit_hugepages(const struct cgroup_place *place, const struct spec_resources *wanted,
			    struct error *err)
{
	for (size_t i = 0; i < wanted->hugepage_count; i++) {
		const struct spec_hugepage *page = &wanted->hugepages[i];
		char file[96], text[24];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)page->limit);
		snprintf(file, sizeof(file), "hugetlb.%.32s.max", page->size);
		if (!cgroup_write(place, file, text, err))
			return false;
		snprintf(file, sizeof(file), "hugetlb.%.32s.rsvd.max", page->size);
		if (!cgroup_write(place, file, text, err) && err->kind != ERROR_NOT_FOUND)
			return false;
	}
	return true;
}

/* The kernel's files take one setting a write. */
static bool write_lines(const struct cgroup_place *place, const char *file, const char *text,
			struct error *err)
{
	autofree char *copy = mem_strdup(text);
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if ((*line || line == copy) && !cgroup_write(place, file, line, err))
			return false;
	return true;
}

/* Why a file that somebody named cannot be there. */
static bool explain(const struct cgroup_place *place, const char *file, struct error *err)
{
	size_t length = strcspn(file, ".");
	autobuf struct buf list = { 0 };

	if (err->kind != ERROR_NOT_FOUND && err->kind != ERROR_DENIED)
		return error_in(err, "unable to set unified resource \"%s\"", file);
	if (file[length] == '\0')
		return error_set(err, ERROR_INPUT,
				 "unified resource \"%s\" must be in the form "
				 "CONTROLLER.PARAMETER",
				 file);
	if (strncmp(file, "cgroup.", 7) != 0 &&
	    cgroup_read_all(place, "cgroup.controllers", &list)) {
		char *rest = list.data;

		for (char *word; rest && (word = strsep(&rest, " \n")) != NULL;)
			if (strlen(word) == length && strncmp(word, file, length) == 0)
				return error_in(err, "unable to set unified resource \"%s\"", file);
		return error_set(err, ERROR_UNSUPPORTED,
				 "unified resource \"%s\" can't be set: controller \"%.*s\" not "
				 "available",
				 file, (int)length, file);
	}
	return error_in(err, "unable to set unified resource \"%s\"", file);
}

static bool limit_rest(const struct cgroup_place *place, const struct spec_resources *wanted,
		       struct error *err)
{
	if (wanted->pids_limit != SPEC_UNSET &&
	    !set(place, "pids.max", wanted->pids_limit ? wanted->pids_limit : 1, err))
		return false;
	if (!limit_hugepages(place, wanted, err))
		return false;
	for (size_t i = 0; i < wanted->rdma_count; i++)
		if (!cgroup_write(place, "rdma.max", wanted->rdma[i].value, err))
			return false;
	for (size_t i = 0; i < wanted->unified_count; i++)
		if (!write_lines(place, wanted->unified[i].name, wanted->unified[i].value, err))
			return explain(place, wanted->unified[i].name, err);
	return true;
}

bool cgroup_set_v2(const struct cgroup *cgroup, const struct spec_resources *wanted,
		   struct error *err)
{
	const struct cgroup_place *place = &cgroup->places[0];

	if (cgroup->count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "no cgroup hierarchy is mounted");
	return limit_memory(place, wanted, err) && limit_cpu(place, wanted, err) &&
	       limit_block(place, wanted, err) && limit_rest(place, wanted, err);
}

bool cgroup_limit_v2(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	if (cgroup->count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "no cgroup hierarchy is mounted");
	/* In a user namespace of our own we may not; but nobody there can make device nodes. */
	if (!cgroup_filter_devices(&cgroup->places[0], &spec->resources, err) &&
	    !(spec->namespaces[NAMESPACE_USER].is_wanted && err->kind == ERROR_DENIED))
		return false;
	return !spec->resources.is_given || cgroup_set_v2(cgroup, &spec->resources, err);
}
