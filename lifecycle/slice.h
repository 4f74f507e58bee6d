/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SLICE_H
#define LIFECYCLE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lifecycle/service.h"

/*
 * A component's control groups, where Greengrass has them: /sys/fs/cgroup/greengrass/NAME (v2), or
 * that in each of the hierarchies memory, cpu, cpuacct and freezer (v1). They hold its startup or
 * run script, for systemResourceLimits and for PauseComponent; without either they are not made.
 * Containers that the scripts start with our docker are put below them (MOORING_CGROUP_PARENT), so
 * that the limits hold for them too; mooring-runc makes what is missing, in every hierarchy.
 *
 * On v2 a group with groups below it can hold no processes, so scripts are in
 * greengrass/NAME/scripts.
 */

#define SLICE_PLACES_MAX 4

struct slice_place {
	char *path;  /* the component's directory */
	char *procs; /* where its scripts go: the cgroup.procs file */
};

struct slice {
	struct slice_place places[SLICE_PLACES_MAX];
	size_t count; /* 0: not made */
	bool is_unified;
	int64_t killed; /* how often the kernel had killed for want of memory when it was asked */
};

/* Makes the groups and writes the limits. */
must_check bool slice_make(struct slice *slice, const char *name,
			   const struct service_limits *limits, struct error *err);
/* Writes them anew, while processes are in it. */
must_check bool slice_limit(const struct slice *slice, const struct service_limits *limits,
			    struct error *err);
/* Opens the files that a process joins by writing "0"; closing them is the caller's. Returns how
 * many there are. */
size_t slice_open_procs(const struct slice *slice, int fds[SLICE_PLACES_MAX]);
/* Moves a process in, by its pid. */
must_check bool slice_join(const struct slice *slice, int pid, struct error *err);
must_check bool slice_freeze(const struct slice *slice, bool is_frozen, struct error *err);
/* How many processes the kernel has killed for want of memory since the last call, or since the
 * groups were made; on v2 those of containers below count. */
int64_t slice_take_killed(struct slice *slice);
/* Removes the groups; one that still holds a container stays until that ends. Not made is fine. */
void slice_remove(struct slice *slice);
/* Removes what mooring-runc has made of "/greengrass/NAME", or of "/greengrass" (`name` NULL), and
 * is empty; no matter if there is nothing. */
void slice_sweep(const char *name);

/* "/greengrass/NAME": where containers go. In `arena`. */
const char *slice_parent(struct arena *arena, const char *name) must_check;

#endif
