/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cgroupfile.h"

/*
 * Limits on cgroup v1. As in runc, a number that is 0 mostly means "not set". They are written to
 * new groups and, by update, to groups in use, where the kernel checks every step against what is
 * there: hence the orders.
 */

/* Writes to the hierarchy of `controller`; one that is not mounted is a mistake only now that
 * something was asked of it. */
static bool set_text(const struct cgroup *cgroup, const char *controller, const char *file,
		     const char *value, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, controller);

	if (!place)
		return error_set(err, ERROR_UNSUPPORTED,
				 "unable to set %s: cgroup controller %s is not mounted", file,
				 controller);
	return cgroup_write(place, file, value, err);
}

/* Any number, 0 too. */
static bool set_number(const struct cgroup *cgroup, const char *controller, const char *file,
		       int64_t number, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	return set_text(cgroup, controller, file, text, err);
}

static bool is_set(int64_t number)
{
	return number != SPEC_UNSET && number != 0;
}

static bool set(const struct cgroup *cgroup, const char *controller, const char *file,
		int64_t number, struct error *err)
{
	return !is_set(number) || set_number(cgroup, controller, file, number, err);
}

/* -- memory ---------------------------------------------------------------------------------- */

#define LIMIT "memory.limit_in_bytes"
#define SWAP  "memory.memsw.limit_in_bytes" /* memory and swap together */

static bool set_memory(const struct cgroup *cgroup, int64_t limit, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "memory");
	uint64_t usage, peak;

	if (set(cgroup, "memory", LIMIT, limit, err))
		return true;
	if (err->sys == EBUSY && cgroup_number(place, "memory.usage_in_bytes", &usage) &&
	    cgroup_number(place, "memory.max_usage_in_bytes", &peak))
		return error_set(err, ERROR_EXISTS,
				 "unable to set memory limit to %lld (current usage: %llu, peak "
				 "usage: %llu)",
				 (long long)limit, (unsigned long long)usage,
				 (unsigned long long)peak);
	return false;
}

/* Memory with swap may never be below memory: upwards it goes first, downwards last. */
static bool set_memory_and_swap(const struct cgroup *cgroup, int64_t limit, int64_t swap,
				struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "memory");
	uint64_t now = UINT64_MAX, ignored;

	/* Unlimited memory that was not told otherwise is unlimited with swap too. */
	if (limit == -1 && !is_set(swap) && place && cgroup_number(place, SWAP, &ignored))
		swap = -1;
	/* Where nobody counts it, it has no limit already. */
	if (swap == -1 && place && !cgroup_number(place, SWAP, &ignored))
		swap = SPEC_UNSET;
	if (place && is_set(limit) && is_set(swap))
		(void)!cgroup_number(place, LIMIT, &now);
	if (is_set(swap) && (swap == -1 || now < (uint64_t)swap))
		return set(cgroup, "memory", SWAP, swap, err) && set_memory(cgroup, limit, err);
	return set_memory(cgroup, limit, err) && set(cgroup, "memory", SWAP, swap, err);
}

static bool limit_memory(const struct cgroup *cgroup, const struct spec_resources *wanted,
			 struct error *err)
{
	int64_t swappiness = wanted->memory_swappiness;

	if (!set_memory_and_swap(cgroup, wanted->memory_limit, wanted->memory_swap, err) ||
	    !set(cgroup, "memory", "memory.soft_limit_in_bytes", wanted->memory_reservation, err))
		return false;
	if (wanted->is_oom_killer_disabled && !set(cgroup, "memory", "memory.oom_control", 1, err))
		return false;
	return swappiness == SPEC_UNSET || swappiness == -1 ||
	       set_number(cgroup, "memory", "memory.swappiness", swappiness, err);
}

/* -- processor ------------------------------------------------------------------------------- */

/* The kernel rounds what is out of its range, in silence. */
static bool set_shares(const struct cgroup *cgroup, int64_t shares, struct error *err)
{
	uint64_t taken;

	if (!is_set(shares))
		return true;
	if (!set_number(cgroup, "cpu", "cpu.shares", shares, err))
		return false;
	if (!cgroup_number(cgroup_place(cgroup, "cpu"), "cpu.shares", &taken) ||
	    taken == (uint64_t)shares)
		return true;
	return error_set(err, ERROR_INPUT, "the %s allowed cpu-shares is %llu",
			 taken < (uint64_t)shares ? "maximum" : "minimum",
			 (unsigned long long)taken);
}

/* For a file that the kernel checks against another one, `then`, whose old value may be the reason
 * for a refusal: *is_left says that it is to be written again after that one. `first` is written
 * even if it is 0. */
static bool set_before(const struct cgroup *cgroup, const char *first, int64_t number, int64_t then,
		       bool *is_left, struct error *err)
{
	*is_left = false;
	if (number == SPEC_UNSET || set_number(cgroup, "cpu", first, number, err))
		return true;
	*is_left = err->sys == EINVAL && is_set(then);
	return *is_left;
}

static bool set_again(const struct cgroup *cgroup, const char *file, int64_t number, bool is_left,
		      struct error *err)
{
	return !is_left || set_number(cgroup, "cpu", file, number, err);
}

static bool set_fair_share(const struct cgroup *cgroup, const struct spec_resources *wanted,
			   struct error *err)
{
	static const char period[] = "cpu.cfs_period_us", burst[] = "cpu.cfs_burst_us";
	int64_t quota = wanted->cpu_quota;
	int64_t length = is_set(wanted->cpu_period) ? wanted->cpu_period : SPEC_UNSET;
	bool is_period_left, is_burst_left;

	if (!set_before(cgroup, period, length, quota, &is_period_left, err))
		return false;
	if (!set_before(cgroup, burst, wanted->cpu_burst, quota, &is_burst_left, err) &&
	    err->kind != ERROR_NOT_FOUND) /* kernels before 5.14 */
		return false;
	return set(cgroup, "cpu", "cpu.cfs_quota_us", quota, err) &&
	       set_again(cgroup, period, length, is_period_left, err) &&
	       set_again(cgroup, burst, wanted->cpu_burst, is_burst_left, err);
}

static bool set_real_time(const struct cgroup *cgroup, const struct spec_resources *wanted,
			  struct error *err)
{
	static const char period[] = "cpu.rt_period_us";
	int64_t length = is_set(wanted->cpu_rt_period) ? wanted->cpu_rt_period : SPEC_UNSET;
	bool is_left;

	return set_before(cgroup, period, length, wanted->cpu_rt_runtime, &is_left, err) &&
	       set(cgroup, "cpu", "cpu.rt_runtime_us", wanted->cpu_rt_runtime, err) &&
	       set_again(cgroup, period, length, is_left, err);
}

static bool limit_cpu(const struct cgroup *cgroup, const struct spec_resources *wanted,
		      struct error *err)
{
	if (!set_shares(cgroup, wanted->cpu_shares, err) || !set_fair_share(cgroup, wanted, err))
		return false;
	if (wanted->cpu_idle != SPEC_UNSET &&
	    !set_number(cgroup, "cpu", "cpu.idle", wanted->cpu_idle, err))
		return false;
	if (!set_real_time(cgroup, wanted, err))
		return false;
	return (!wanted->cpus || !wanted->cpus[0] ||
		set_text(cgroup, "cpuset", "cpuset.cpus", wanted->cpus, err)) &&
	       (!wanted->mems || !wanted->mems[0] ||
		set_text(cgroup, "cpuset", "cpuset.mems", wanted->mems, err));
}

/* -- the rest -------------------------------------------------------------------------------- */

static bool limit_pids(const struct cgroup *cgroup, const struct spec_resources *wanted,
		       struct error *err)
{
	if (wanted->pids_limit == SPEC_UNSET)
		return true;
	if (wanted->pids_limit < 0)
		return set_text(cgroup, "pids", "pids.max", "max", err);
	return set_number(cgroup, "pids", "pids.max", wanted->pids_limit ? wanted->pids_limit : 1,
			  err);
}

/* Weights live in two places, by the scheduler the kernel was built with. */
static bool set_weight(const struct cgroup *cgroup, const char *suffix, const char *value,
		       struct error *err)
{
	char plain[64], bfq[64];

	snprintf(plain, sizeof(plain), "blkio.%s", suffix);
	snprintf(bfq, sizeof(bfq), "blkio.bfq.%s", suffix);
	return set_text(cgroup, "blkio", plain, value, err) ||
	       (err->kind == ERROR_NOT_FOUND && set_text(cgroup, "blkio", bfq, value, err));
}

static bool limit_block_device(const struct cgroup *cgroup, const struct spec_throttle *limit,
			       struct error *err)
{
	char text[64], file[64];

	snprintf(text, sizeof(text), "%lld:%lld %llu", (long long)limit->major,
		 (long long)limit->minor, (unsigned long long)limit->rate);
	if (strcmp(limit->what, "weight") == 0)
		return set_weight(cgroup, "weight_device", text, err);
	snprintf(file, sizeof(file),
		 strcmp(limit->what, "leaf_weight") == 0 ? "blkio.%s_device"
							 : "blkio.throttle.%s_device",
		 limit->what);
	return set_text(cgroup, "blkio", file, text, err);
}

static bool limit_block(const struct cgroup *cgroup, const struct spec_resources *wanted,
			struct error *err)
{
	char text[24];

	if (wanted->block_weight > 0) {
		snprintf(text, sizeof(text), "%lld", (long long)wanted->block_weight);
		if (!set_weight(cgroup, "weight", text, err))
			return false;
	}
	if (!set(cgroup, "blkio", "blkio.leaf_weight", wanted->block_leaf_weight, err))
		return false;
	for (size_t i = 0; i < wanted->throttle_count; i++)
		if (!limit_block_device(cgroup, &wanted->throttles[i], err))
			return false;
	return true;
}

/* The limit for reservations came later; a kernel without it does without. */
static bool limit_hugepages(const struct cgroup *cgroup, const struct spec_resources *wanted,
			    struct error *err)
{
	for (size_t i = 0; i < wanted->hugepage_count; i++) {
		const struct spec_hugepage *page = &wanted->hugepages[i];
		char file[96], text[24];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)page->limit);
		snprintf(file, sizeof(file), "hugetlb.%.32s.limit_in_bytes", page->size);
		if (!set_text(cgroup, "hugetlb", file, text, err))
			return false;
		snprintf(file, sizeof(file), "hugetlb.%.32s.rsvd.limit_in_bytes", page->size);
		if (!set_text(cgroup, "hugetlb", file, text, err) && err->kind != ERROR_NOT_FOUND)
			return false;
	}
	return true;
}

static bool limit_rdma(const struct cgroup *cgroup, const struct spec_resources *wanted,
		       struct error *err)
{
	for (size_t i = 0; i < wanted->rdma_count; i++)
		if (!set_text(cgroup, "rdma", "rdma.max", wanted->rdma[i].value, err))
			return false;
	return true;
}

static bool limit_network(const struct cgroup *cgroup, const struct spec_resources *wanted,
			  struct error *err)
{
	if (!set(cgroup, "net_cls", "net_cls.classid", wanted->network_class, err))
		return false;
	for (size_t i = 0; i < wanted->network_priority_count; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%.32s %.20s", wanted->network_priorities[i].name,
			 wanted->network_priorities[i].value);
		if (!set_text(cgroup, "net_prio", "net_prio.ifpriomap", text, err))
			return false;
	}
	return true;
}

bool cgroup_set_v1(const struct cgroup *cgroup, const struct spec_resources *wanted,
		   struct error *err)
{
	if (wanted->unified_count > 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "invalid configuration: cannot use unified on cgroup v1");
	return limit_memory(cgroup, wanted, err) && limit_cpu(cgroup, wanted, err) &&
	       limit_pids(cgroup, wanted, err) && limit_block(cgroup, wanted, err) &&
	       limit_hugepages(cgroup, wanted, err) && limit_rdma(cgroup, wanted, err) &&
	       limit_network(cgroup, wanted, err);
}

bool cgroup_limit_v1(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	return cgroup_rule_devices(cgroup, spec, err) &&
	       (!spec->resources.is_given || cgroup_set_v1(cgroup, &spec->resources, err));
}
