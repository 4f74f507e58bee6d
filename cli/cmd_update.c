/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "engine/bundlelimit.h"
#include "engine/change.h"
#include "engine/happening.h"
#include "engine/kernellimit.h"
#include "engine/oci.h"
#include "engine/policy.h"
#include "engine/status.h"

/*
 * docker update: the options are changed, and the control groups of a container that runs.
 */

struct values {
	struct opt_number memory, memory_swap, memory_reservation, cpus, cpu_shares, cpu_period,
		cpu_quota, pids_limit, blkio_weight, kernel_memory;
	const char *cpuset_cpus, *cpuset_mems, *restart;
};

#define AT(member) offsetof(struct values, member)

static const struct opt opts[] = {
	{ "blkio-weight", 0, OPT_COUNT, AT(blkio_weight), "uint16",
	  "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)", NULL },
	{ "cpu-period", 0, OPT_NUMBER, AT(cpu_period), "int",
	  "Limit CPU CFS (Completely Fair Scheduler) period", NULL },
	{ "cpu-quota", 0, OPT_NUMBER, AT(cpu_quota), "int",
	  "Limit CPU CFS (Completely Fair Scheduler) quota", NULL },
	{ "cpu-rt-period", 0, OPT_MISSING_TEXT, 0, "int", NULL, NULL },
	{ "cpu-rt-runtime", 0, OPT_MISSING_TEXT, 0, "int", NULL, NULL },
	{ "cpu-shares", 'c', OPT_NUMBER, AT(cpu_shares), "int", "CPU shares (relative weight)",
	  NULL },
	{ "cpus", 0, OPT_CPUS, AT(cpus), "decimal", "Number of CPUs", NULL },
	{ "cpuset-cpus", 0, OPT_TEXT, AT(cpuset_cpus), "string",
	  "CPUs in which to allow execution (0-3, 0,1)", NULL },
	{ "cpuset-mems", 0, OPT_TEXT, AT(cpuset_mems), "string",
	  "MEMs in which to allow execution (0-3, 0,1)", NULL },
	{ "kernel-memory", 0, OPT_SIZE, AT(kernel_memory), "bytes", NULL, NULL },
	{ "memory", 'm', OPT_SIZE, AT(memory), "bytes", "Memory limit", NULL },
	{ "memory-reservation", 0, OPT_SIZE, AT(memory_reservation), "bytes", "Memory soft limit",
	  NULL },
	{ "memory-swap", 0, OPT_SWAP, AT(memory_swap), "bytes",
	  "Swap limit equal to memory plus swap: -1 to enable unlimited swap", NULL },
	{ "pids-limit", 0, OPT_NUMBER, AT(pids_limit), "int",
	  "Tune container pids limit (set -1 for unlimited)", NULL },
	{ "restart", 0, OPT_TEXT, AT(restart), "string",
	  "Restart policy to apply when a container exits", NULL },
	{ .name = NULL },
};

static const struct {
	size_t from, to;
} numbers[] = {
	{ AT(memory), offsetof(struct container, memory) },
	{ AT(memory_swap), offsetof(struct container, memory_swap) },
	{ AT(memory_reservation), offsetof(struct container, memory_reservation) },
	{ AT(cpus), offsetof(struct container, nano_cpus) },
	{ AT(cpu_shares), offsetof(struct container, cpu_shares) },
	{ AT(cpu_period), offsetof(struct container, cpu_period) },
	{ AT(cpu_quota), offsetof(struct container, cpu_quota) },
	{ AT(pids_limit), offsetof(struct container, pids_limit) },
	{ AT(blkio_weight), offsetof(struct container, blkio_weight) },
};

static struct opt_number *number_of(struct values *values, size_t i)
{
	return (void *)((char *)values + numbers[i].from);
}

static int64_t *limit_of(struct container *container, size_t i)
{
	return (void *)((char *)container + numbers[i].to);
}

/* The options as they will be. */
static void alter(struct container *container, void *context)
{
	struct values *values = context;

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		const struct opt_number *from = number_of(values, i);

		if (from->is_set)
			*limit_of(container, i) = from->value;
	}
	if (values->cpuset_cpus)
		container->cpuset_cpus = values->cpuset_cpus;
	if (values->cpuset_mems)
		container->cpuset_mems = values->cpuset_mems;
}

/* 0 asks for nothing, as with docker; and what this machine's kernel cannot keep is left out. */
static bool discard(struct values *values, struct texts *warnings, struct error *err)
{
	struct container asked = { .cpuset_cpus = "", .cpuset_mems = "" };

	alter(&asked, values);

	int64_t swap = asked.memory_swap;

	if (!kernellimit_discard(&asked, warnings, err))
		return false;
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		struct opt_number *number = number_of(values, i);

		number->is_set = number->is_set && *limit_of(&asked, i) != 0;
	}
	if (asked.memory_swap != swap) /* which has no limit then, if memory alone has one */
		values->memory_swap =
			(struct opt_number){ .value = -1, .is_set = asked.memory != 0 };
	values->cpuset_cpus = *asked.cpuset_cpus ? asked.cpuset_cpus : NULL;
	values->cpuset_mems = *asked.cpuset_mems ? asked.cpuset_mems : NULL;
	return true;
}

static bool changes_limits(const struct values *values)
{
	return values->memory.is_set || values->memory_swap.is_set ||
	       values->memory_reservation.is_set || values->cpus.is_set ||
	       values->cpu_shares.is_set || values->cpu_period.is_set || values->cpu_quota.is_set ||
	       values->pids_limit.is_set || values->blkio_weight.is_set || values->cpuset_cpus ||
	       values->cpuset_mems;
}

/* Each of the two ways to say how much of the processors blocks the other. */
static bool check_cpus(const struct values *values, const struct container *container,
		       struct error *err)
{
	const char *taken = container->cpu_period ? "Period" : "Quota";
	const char *wanted = values->cpu_period.value > 0 ? "Period" : "Quota";

	if (values->cpus.value > 0 && (container->cpu_period || container->cpu_quota))
		return error_set(err, ERROR_INPUT,
				 "Conflicting options: Nano CPUs cannot be updated as CPU %s has "
				 "already been set",
				 taken);
	if (container->nano_cpus && (values->cpu_period.value > 0 || values->cpu_quota.value > 0))
		return error_set(err, ERROR_INPUT,
				 "Conflicting options: CPU %s cannot be updated as NanoCPUs has "
				 "already been set",
				 wanted);
	return true;
}

static bool check_swap(const struct values *values, const struct container *container,
		       struct error *err)
{
	int64_t swap = container->memory_swap ? container->memory_swap : 2 * container->memory;

	if (values->memory.is_set && !values->memory_swap.is_set && container->memory && swap > 0 &&
	    values->memory.value > swap)
		return error_set(err, ERROR_INPUT,
				 "Memory limit should be smaller than already set memoryswap "
				 "limit, update the memoryswap at the same time");
	return true;
}

static void add_number(struct texts *words, struct arena *arena, const char *option, bool is_set,
		       int64_t value)
{
	if (!is_set)
		return;
	texts_add(words, option);
	texts_add(words, arena_printf(arena, "%lld", (long long)value));
}

/* Of limits that are not set in the options. */
static int64_t or_unlimited(int64_t limit)
{
	return limit ? limit : -1;
}

static bool change_groups(const struct each *each, const struct values *values,
			  const struct container *now, struct error *err)
{
	autotexts struct texts words = { 0 };
	struct arena *arena = each->arena;
	int64_t swap = now->memory_swap ? now->memory_swap : 2 * now->memory;
	bool has_memory = values->memory.is_set || values->memory_swap.is_set;

	texts_add(&words, "update");
	add_number(&words, arena, "--memory", has_memory, or_unlimited(now->memory));
	add_number(&words, arena, "--memory-swap", has_memory, or_unlimited(swap));
	add_number(&words, arena, "--memory-reservation", values->memory_reservation.is_set,
		   now->memory_reservation);
	add_number(&words, arena, "--cpu-share", values->cpu_shares.is_set, now->cpu_shares);
	add_number(&words, arena, "--cpu-period", values->cpu_period.is_set, now->cpu_period);
	add_number(&words, arena, "--cpu-quota", values->cpu_quota.is_set, now->cpu_quota);
	add_number(&words, arena, "--cpu-period", values->cpus.is_set, LIMIT_CPU_PERIOD);
	add_number(&words, arena, "--cpu-quota", values->cpus.is_set,
		   or_unlimited(now->nano_cpus * LIMIT_CPU_PERIOD / 1000000000));
	add_number(&words, arena, "--pids-limit", values->pids_limit.is_set,
		   now->pids_limit > 0 ? now->pids_limit : -1);
	add_number(&words, arena, "--blkio-weight", values->blkio_weight.is_set, now->blkio_weight);
	if (values->cpuset_cpus) {
		texts_add(&words, "--cpuset-cpus");
		texts_add(&words, values->cpuset_cpus);
	}
	if (values->cpuset_mems) {
		texts_add(&words, "--cpuset-mems");
		texts_add(&words, values->cpuset_mems);
	}
	texts_add(&words, now->id);
	return oci_call(each->engine, words.items, words.count, NULL, err);
}

static bool change_limits(const struct each *each, const struct values *values,
			  const struct container *container, struct error *err)
{
	struct container now;
	struct status status;
	struct error other;

	container_copy(container, &now);
	alter(&now, (void *)(uintptr_t)values);
	status_read(each->engine, each->arena, container->id, &status);
	bool has_groups = status_has_process(&status);
	bool fits = check_swap(values, container, err) && check_cpus(values, container, err);
	bool is_valid = !fits || limit_check(&now, err);
	bool is_done = fits && is_valid && (!has_groups || change_groups(each, values, &now, err));

	container_done(&now);
	if (!is_valid) /* which docker says before it looks at the container */
		return false;
	if (!is_done)
		return error_in(err, "Cannot update container %s", container->id);
	is_done = change_container(each->engine, container->id, alter, (void *)(uintptr_t)values,
				   err);
	/* Limits that are not written down (the disk is full) do not hold either. */
	if (!is_done && has_groups && !change_groups(each, values, container, &other))
		return error_in(err, "%s; and", other.text);
	return is_done;
}

static bool update_one(const struct each *each, const struct container *container,
		       struct error *err)
{
	const struct values *values = each->values;

	if (changes_limits(values) && !change_limits(each, values, container, err))
		return false;
	if (values->restart) {
		if (container->is_removed_on_exit && *values->restart &&
		    strcmp(values->restart, "no") != 0)
			return error_set(err, ERROR_INPUT,
					 "Cannot update container %s: Restart policy cannot be "
					 "updated because AutoRemove is enabled for the container",
					 container->id);
		if (!policy_change(each->engine, container->id, values->restart, err))
			return false;
	}
	happening_container(each->engine, container, "update", NULL);
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	struct values values = *(const struct values *)of;
	autotexts struct texts warnings = { 0 };
	struct error err;

	if (!changes_limits(&values) && !values.restart) {
		error_set(&err, ERROR_INPUT,
			  "you must provide one or more flags when using this command");
		return command_failed_plainly(&err);
	}
	if ((values.restart && !policy_check(values.restart, &err)) ||
	    !discard(&values, &warnings, &err))
		return command_failed_plainly(&err);

	int code = each_container(cli, &values, arguments, true, update_one);

	for (size_t i = 0; i < warnings.count; i++)
		printf("%s\n", warnings.items[i]);
	return code;
}

const struct command cmd_update = {
	.name = "docker update",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Update configuration of one or more containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};
