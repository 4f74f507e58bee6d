/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CGROUPSTAT_H
#define RUNTIME_CGROUPSTAT_H

#include "base/jsonout.h"
#include "runtime/cgroup.h"

/*
 * What a container uses, as the "data" of runc's stats event: the same members under the same
 * names, on v1 and v2. Times are nanoseconds. What the kernel does not say is 0 or left out.
 */

void cgroup_stat(struct jsonout *out, const char *key, const struct cgroup *cgroup);

/* The rest is between cgroupstat.c and its two halves. */

/* A number, one that is left out when it is 0, and a file's. */
void stat_put(struct jsonout *out, const char *key, uint64_t number);
void stat_put_some(struct jsonout *out, const char *key, uint64_t number);
/* The file's number, 0 if there is none. */
uint64_t stat_number(const struct cgroup_place *place, const char *file);
uint64_t stat_key(const struct cgroup_place *place, const char *file, const char *key);

struct stat_memory {
	uint64_t limit, usage, max, failures;
};
void stat_put_memory(struct jsonout *out, const char *key, const struct stat_memory *memory);
/* All lines of memory.stat. */
void stat_put_raw(struct jsonout *out, const struct cgroup_place *place);

/* One entry of a list of block devices; `op` may be NULL. */
void stat_put_block(struct jsonout *out, const char *device, const char *op, uint64_t value);

/* The sizes of huge pages of this machine as cgroups name them ("2MB"), in the arena. */
#define STAT_PAGE_SIZES 16
size_t stat_page_sizes(struct arena *arena, const char *sizes[STAT_PAGE_SIZES]);

void stat_v1(struct jsonout *out, const struct cgroup *cgroup);
void stat_v2(struct jsonout *out, const struct cgroup *cgroup);

#endif
