/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CGROUPFILE_H
#define RUNTIME_CGROUPFILE_H

#include <stdint.h>

#include "base/buf.h"
#include "runtime/cgroup.h"

/*
 * What the halves of cgroup share: the files of one group directory, and the limits of v1 and v2.
 */

/* While the group is being set up its directory is open; later commands go by its path. */
int cgroup_open_file(const struct cgroup_place *place, const char *file, int flags);
/* Writes one value with one write. The failure names file, value and group. */
must_check bool cgroup_write(const struct cgroup_place *place, const char *file, const char *value,
			     struct error *err);
must_check bool cgroup_write_number(const struct cgroup_place *place, const char *file,
				    int64_t number, struct error *err);
/* The first `size` - 1 bytes as text without the trailing newline; false if it cannot be read. */
bool cgroup_read(const struct cgroup_place *place, const char *file, char *text, size_t size);
/* The whole file. The caller owns `text` in any case. */
bool cgroup_read_all(const struct cgroup_place *place, const char *file, struct buf *text);
/* One number ("max" is UINT64_MAX), or the one after `key` at the beginning of a line. */
bool cgroup_parse_number(const char *text, uint64_t *number);
bool cgroup_number(const struct cgroup_place *place, const char *file, uint64_t *number);
bool cgroup_key(const struct cgroup_place *place, const char *file, const char *key,
		uint64_t *number);

/* cgroup_list in one hierarchy. */
must_check bool cgroup_list_place(const struct cgroup_place *place, struct cgroup_pids *pids,
				  struct error *err);

must_check bool cgroup_limit_v1(const struct cgroup *cgroup, const struct spec *spec,
				struct error *err);
must_check bool cgroup_limit_v2(const struct cgroup *cgroup, const struct spec *spec,
				struct error *err);
/* The limits alone, of groups that are in use too. */
must_check bool cgroup_set_v1(const struct cgroup *cgroup, const struct spec_resources *wanted,
			      struct error *err);
must_check bool cgroup_set_v2(const struct cgroup *cgroup, const struct spec_resources *wanted,
			      struct error *err);
/* v1's scales on v2: CPU shares to cpu.weight, block I/O weights to io.weight. */
int64_t cgroup_weight_of(int64_t shares);
int64_t cgroup_io_weight_of(int64_t weight);
/* Device rules of a v1 group: exceptions that the kernel keeps in a list. */
must_check bool cgroup_rule_devices(const struct cgroup *cgroup, const struct spec *spec,
				    struct error *err);
/* Device rules of a v2 group: a BPF program. */
must_check bool cgroup_filter_devices(const struct cgroup_place *place,
				      const struct spec_resources *resources, struct error *err);

/* Always allowed, after the config's own rules, as runc has it. */
extern const struct spec_device_rule cgroup_default_rules[];
extern const size_t cgroup_default_rule_count;

#endif
