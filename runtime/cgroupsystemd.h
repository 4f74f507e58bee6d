/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CGROUPSYSTEMD_H
#define RUNTIME_CGROUPSYSTEMD_H

#include "runtime/cgroup.h"

/*
 * The systemd driver: a container's groups belong to a transient unit, which systemd makes, moves
 * init into and removes. Limits that systemd has a property for are set there too, or it would
 * overwrite them; all others by cgroup's files. Every function but the first does nothing where the
 * container has no unit.
 */

/* From cgroupsPath "slice:prefix:name" (or nothing: "runc-ID.scope") the unit, and its path from
 * the top of the hierarchies. The caller frees *path. Asks the user's systemd where it is. */
must_check bool cgroupsystemd_name(struct cgroup_unit *unit, const struct cgroup_wish *wish,
				   char **path, struct error *err);
/* Makes the unit around init, with its limits and device rules. */
must_check bool cgroupsystemd_start(struct cgroup *cgroup, const struct spec *spec, pid_t init,
				    struct error *err);
/* True if systemd itself has put init into the group: a slice does not take processes. */
bool cgroupsystemd_has_moved(const struct cgroup_unit *unit);
must_check bool cgroupsystemd_update(const struct cgroup *cgroup,
				     const struct spec_resources *resources, struct error *err);
/* Ends what is left in the unit and forgets it. A unit that is gone is success. */
must_check bool cgroupsystemd_stop(const struct cgroup_unit *unit, struct error *err);

/* "a-b.slice" is "/a.slice/a-b.slice". The caller frees *path. */
must_check bool cgroupsystemd_expand(const char *slice, char **path, struct error *err);

#endif
