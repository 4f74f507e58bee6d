/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cgroupfile.h"

/*
 * Limits on cgroup v1. As in runc, a number that is 0 mostly means "not set".
 */

const struct spec_device_rule cgroup_default_rules[] = {
	{ true, 'c', -1, -1, "m" },    { true, 'b', -1, -1, "m" }, { true, 'c', 1, 3, "rwm" },
	{ true, 'c', 1, 5, "rwm" },    { true, 'c', 1, 7, "rwm" }, { true, 'c', 1, 8, "rwm" },
	{ true, 'c', 1, 9, "rwm" },    { true, 'c', 5, 0, "rwm" }, { true, 'c', 5, 2, "rwm" },
	{ true, 'c', 136, -1, "rwm" },
};
const size_t cgroup_default_rule_count = COUNT_OF(cgroup_default_rules);

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

static bool set(const struct cgroup *cgroup, const char *controller, const char *file,
		int64_t number, struct error *err)
{
	char text[24];

	if (number == SPEC_UNSET || number == 0)
		return true;
	snprintf(text, sizeof(text), "%lld", (long long)number);
	return set_text(cgroup, controller, file, text, err);
}

/* memory+swap may never be below memory. A new group has both unlimited, so memory goes first,
 * except when swap is to be unlimited. */
static bool limit_memory(const struct cgroup *cgroup, const struct spec_resources *wanted,
			 struct error *err)
{
	int64_t swappiness = wanted->memory_swappiness;

	if (!set(cgroup, "memory", "memory.limit_in_bytes", wanted->memory_limit, err) ||
	    !set(cgroup, "memory", "memory.memsw.limit_in_bytes", wanted->memory_swap, err) ||
	    !set(cgroup, "memory", "memory.soft_limit_in_bytes", wanted->memory_reservation, err))
		return false;
	if (swappiness != SPEC_UNSET && swappiness != -1) {
		char text[24];

		snprintf(text, sizeof(text), "%lld", (long long)swappiness);
		if (!set_text(cgroup, "memory", "memory.swappiness", text, err))
			return false;
	}
	return !wanted->is_oom_killer_disabled ||
	       set(cgroup, "memory", "memory.oom_control", 1, err);
}

static bool limit_cpu(const struct cgroup *cgroup, const struct spec_resources *wanted,
		      struct error *err)
{
	if (!set(cgroup, "cpu", "cpu.shares", wanted->cpu_shares, err) ||
	    !set(cgroup, "cpu", "cpu.cfs_period_us", wanted->cpu_period, err) ||
	    !set(cgroup, "cpu", "cpu.cfs_quota_us", wanted->cpu_quota, err) ||
	    !set(cgroup, "cpu", "cpu.cfs_burst_us", wanted->cpu_burst, err) ||
	    !set(cgroup, "cpu", "cpu.idle", wanted->cpu_idle, err) ||
	    !set(cgroup, "cpu", "cpu.rt_period_us", wanted->cpu_rt_period, err) ||
	    !set(cgroup, "cpu", "cpu.rt_runtime_us", wanted->cpu_rt_runtime, err))
		return false;
	return (!wanted->cpus || !wanted->cpus[0] ||
		set_text(cgroup, "cpuset", "cpuset.cpus", wanted->cpus, err)) &&
	       (!wanted->mems || !wanted->mems[0] ||
		set_text(cgroup, "cpuset", "cpuset.mems", wanted->mems, err));
}

static bool limit_pids(const struct cgroup *cgroup, const struct spec_resources *wanted,
		       struct error *err)
{
	char text[24];

	if (wanted->pids_limit == SPEC_UNSET)
		return true;
	if (wanted->pids_limit < 0)
		return set_text(cgroup, "pids", "pids.max", "max", err);
	snprintf(text, sizeof(text), "%lld",
		 (long long)(wanted->pids_limit ? wanted->pids_limit : 1));
	return set_text(cgroup, "pids", "pids.max", text, err);
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

static bool limit_block(const struct cgroup *cgroup, const struct spec_resources *wanted,
			struct error *err)
{
	char text[64], file[64];

	if (wanted->block_weight > 0) {
		snprintf(text, sizeof(text), "%lld", (long long)wanted->block_weight);
		if (!set_weight(cgroup, "weight", text, err))
			return false;
	}
	if (!set(cgroup, "blkio", "blkio.leaf_weight", wanted->block_leaf_weight, err))
		return false;
	for (size_t i = 0; i < wanted->throttle_count; i++) {
		const struct spec_throttle *limit = &wanted->throttles[i];
		bool is_good;

		snprintf(text, sizeof(text), "%lld:%lld %llu", (long long)limit->major,
			 (long long)limit->minor, (unsigned long long)limit->rate);
		snprintf(file, sizeof(file), "blkio.throttle.%s_device", limit->what);
		is_good = strcmp(limit->what, "weight") == 0
				  ? set_weight(cgroup, "weight_device", text, err)
				  : set_text(cgroup, "blkio", file, text, err);
		if (!is_good)
			return false;
	}
	return true;
}

static bool limit_hugepages(const struct cgroup *cgroup, const struct spec_resources *wanted,
			    struct error *err)
{
	for (size_t i = 0; i < wanted->hugepage_count; i++) {
		char file[96], text[24];

		snprintf(file, sizeof(file), "hugetlb.%.32s.limit_in_bytes",
			 wanted->hugepages[i].size);
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)wanted->hugepages[i].limit);
		if (!set_text(cgroup, "hugetlb", file, text, err))
			return false;
	}
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

/* -- devices --------------------------------------------------------------------------------- */

/* The two files are opened once for all rules: opening costs more than writing here. */
struct rule_files {
	int allow, deny;
};

/* To the kernel "a" is everything, whatever follows it. */
static bool is_sweeping(const struct spec_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
	       strchr(rule->access, 'r') && strchr(rule->access, 'w') && strchr(rule->access, 'm');
}

static bool write_as(const struct rule_files *files, const struct spec_device_rule *rule, char type,
		     struct error *err)
{
	char text[64] = "a", major[16] = "*", minor[16] = "*";

	if (rule->major >= 0)
		snprintf(major, sizeof(major), "%u", (unsigned int)rule->major);
	if (rule->minor >= 0)
		snprintf(minor, sizeof(minor), "%u", (unsigned int)rule->minor);
	if (type != 'a')
		snprintf(text, sizeof(text), "%c %s:%s %.3s", type, major, minor, rule->access);
	if (write(rule->is_allowed ? files->allow : files->deny, text, strlen(text)) < 0)
		return error_sys(err, "%s device %s", rule->is_allowed ? "allow" : "deny", text);
	return true;
}

static bool write_rule(const struct rule_files *files, const struct spec_device_rule *rule,
		       struct error *err)
{
	if (rule->type != 'a' || is_sweeping(rule))
		return write_as(files, rule, rule->type, err);
	return write_as(files, rule, 'b', err) && write_as(files, rule, 'c', err);
}

static bool write_rules(const struct rule_files *files, const struct spec_device_rule *rules,
			size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (!write_rule(files, &rules[i], err))
			return false;
	return true;
}

static bool is_hole(const struct spec_device_rule *wide, const struct spec_device_rule *narrow)
{
	bool is_same_type = wide->type == narrow->type || wide->type == 'a' || narrow->type == 'a';
	bool is_met = (wide->major < 0 || narrow->major < 0 || wide->major == narrow->major) &&
		      (wide->minor < 0 || narrow->minor < 0 || wide->minor == narrow->minor);

	return is_same_type && is_met &&
	       ((wide->major < 0 && narrow->major >= 0) || (wide->minor < 0 && narrow->minor >= 0));
}

/* The kernel keeps a list of exceptions to "deny all" or "allow all". A rule can add one or take
 * the very same away; taking a part of one away does nothing, in silence. */
static bool check_rules(const struct spec_resources *wanted, struct error *err)
{
	const struct spec_device_rule *rules = wanted->device_rules;
	bool is_allowed = false;
	size_t first = 0;

	for (size_t i = 0; i < wanted->device_rule_count; i++) {
		if (is_sweeping(&rules[i])) {
			is_allowed = rules[i].is_allowed;
			first = i + 1;
		}
		for (size_t before = first; before < i; before++)
			if (rules[i].is_allowed == is_allowed &&
			    rules[before].is_allowed != is_allowed &&
			    is_hole(&rules[before], &rules[i]))
				return error_set(
					err, ERROR_UNSUPPORTED,
					"config.json: linux.resources.devices[%zu]: cgroup "
					"v1 cannot make a hole in the wider rule %zu",
					i, before);
	}
	return true;
}

/* In a user namespace of our own we may not; but nobody there can make device nodes either. */
static bool is_excused(const struct spec *spec, const struct error *err)
{
	return spec->namespaces[NAMESPACE_USER].is_wanted && err->kind == ERROR_DENIED;
}

/* In order, the config's and then ours: nothing runs in the group yet, so no one can be caught in
 * the middle. No rules at all would mean "everything", hence the leading deny. */
static bool limit_devices(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "devices");
	static const struct spec_device_rule deny_all = { false, 'a', -1, -1, "rwm" };
	const struct spec_resources *wanted = &spec->resources;
	size_t count = wanted->device_rule_count;
	bool is_everything = count > 0 && is_sweeping(&wanted->device_rules[count - 1]) &&
			     wanted->device_rules[count - 1].is_allowed;

	if (!check_rules(wanted, err))
		return false;
	if (!place)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the devices cgroup controller is not mounted: device rules could "
				 "not be enforced");
	if (is_everything)
		return true;
	autoclose int allow = openat(place->dir, "devices.allow", O_WRONLY | O_CLOEXEC);
	autoclose int deny = openat(place->dir, "devices.deny", O_WRONLY | O_CLOEXEC);
	struct rule_files files = { .allow = allow, .deny = deny };

	if (allow < 0 || deny < 0) {
		error_sys(err, "open the device rules of cgroup %s", place->path);
		return is_excused(spec, err);
	}
	if ((count == 0 || !is_sweeping(&wanted->device_rules[0])) &&
	    !write_rule(&files, &deny_all, err))
		return is_excused(spec, err);
	return write_rules(&files, wanted->device_rules, count, err) &&
	       write_rules(&files, cgroup_default_rules, cgroup_default_rule_count, err);
}

bool cgroup_limit_v1(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	const struct spec_resources *wanted = &spec->resources;

	if (wanted->unified_count > 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "invalid configuration: cannot use unified on cgroup v1");
	if (!limit_devices(cgroup, spec, err))
		return false;
	if (!wanted->is_given)
		return true;
	return limit_memory(cgroup, wanted, err) && limit_cpu(cgroup, wanted, err) &&
	       limit_pids(cgroup, wanted, err) && limit_block(cgroup, wanted, err) &&
	       limit_hugepages(cgroup, wanted, err) && limit_network(cgroup, wanted, err);
}
