/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/schedule.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POLICY_DEADLINE    6
#define IOPRIO_WHO_PROCESS 1

/* As in <linux/sched/types.h>, which some C libraries include by themselves and others do not. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static bool set_scheduler(const struct spec_scheduler *wanted, const char *cpus, struct error *err)
{
	struct attributes attributes = {
		.size = sizeof(attributes),
		.policy = wanted->policy,
		.flags = wanted->flags,
		.nice = wanted->nice,
		.priority = wanted->priority,
		.runtime = wanted->runtime,
		.deadline = wanted->deadline,
		.period = wanted->period,
	};

	if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0)
		return true;
	/* A share of time is promised for the whole machine or not at all. */
	if (errno == EPERM && cpus && wanted->policy == POLICY_DEADLINE)
		return error_set(err, ERROR_INPUT,
				 "process scheduler can't be used together with AllowedCPUs");
	/* Where the kernel divides real time among groups, a new one has none. */
	if (errno == EPERM && wanted->priority > 0)
		return error_sys(err,
				 "set the scheduler (process.scheduler): that needs CAP_SYS_NICE, "
				 "and on cgroup v1 linux.resources.cpu.realtimeRuntime");
	return error_sys(err, "set the scheduler (process.scheduler)");
}

bool schedule_set(const struct spec_process *process, const char *cpus, struct error *err)
{
	if (process->scheduler && !set_scheduler(process->scheduler, cpus, err))
		return false;
	if (process->io_priority != SPEC_UNSET &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)process->io_priority) < 0)
		return error_sys(err, "set the I/O priority (process.ioPriority)");
	return true;
}

bool schedule_affinity(const struct spec_bits *cpus, struct error *err)
{
	if (cpus->words && syscall(SYS_sched_setaffinity, 0, cpus->size, cpus->words) < 0)
		return error_sys(err, "set the CPUs (process.execCPUAffinity): has this machine, "
				      "and the container's cpuset, such CPUs?");
	return true;
}

void schedule_any_cpu(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

bool schedule_memory(const struct spec_memory_policy *policy, struct error *err)
{
	/* The kernel takes one off the number of bits. */
	if (policy && syscall(SYS_set_mempolicy, policy->mode, policy->nodes.words,
			      policy->nodes.words ? policy->nodes.size * 8 + 1 : 0) < 0)
		return error_sys(err, "set the memory policy (linux.memoryPolicy)");
	return true;
}
