/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SCHEDULE_H
#define RUNTIME_SCHEDULE_H

#include "runtime/spec.h"

/*
 * How the kernel treats a process: each call is made by that process for itself, while it still has
 * its rights. What the config does not mention costs no system call.
 */

/* Scheduler, I/O priority. `cpus`: those of the container's control group, or NULL; only for the
 * message of a failure. */
must_check bool schedule_set(const struct spec_process *process, const char *cpus,
			     struct error *err);
/* For exec: process->affinity_initial before it joins the control group, affinity_final after. */
must_check bool schedule_affinity(const struct spec_bits *cpus, struct error *err);
/* All CPUs, of which the kernel leaves those that the control group allows. */
void schedule_any_cpu(void);
/* Which nodes memory comes from. NULL: as it is. */
must_check bool schedule_memory(const struct spec_memory_policy *policy, struct error *err);

#endif
