/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_IDMAP_H
#define RUNTIME_IDMAP_H

#include "runtime/spec.h"

/*
 * The ids of a user namespace: whether a config's mappings make sense, and writing those of a
 * new one.
 */

/* Refuses ids that the config uses inside but does not map. Without mappings there is nothing to
 * check. */
must_check bool idmap_check(const struct spec *spec, struct error *err);

/* For a config that has mappings and the path of a user namespace that exists, open as `namespace`
 * (-1: it names none): refuses mappings that are not those of the namespace. Such configs come from
 * podman, containerd and CRI-O; runc takes them on the same condition. */
must_check bool idmap_check_joined(const struct spec *spec, int namespace, struct error *err);

/* True if the caller can map its own group only by giving up setgroups(2) for the namespace. */
bool idmap_denies_groups(const struct spec *spec);

/* In a user namespace a process is nobody until it becomes somebody there: its root, or where that
 * is not mapped `user`, the program's. All capabilities in it stay. */
must_check bool idmap_become_somebody(const struct spec_user *user, struct error *err);

/* Writes both maps of process `pid`, our child in a new user namespace: by ourselves where the
 * kernel lets us, else with the help of shadow's newuidmap and newgidmap. `proc` is a procfs. */
must_check bool idmap_write(const struct spec *spec, int proc, pid_t pid, struct error *err);

#endif
