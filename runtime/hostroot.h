/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_HOSTROOT_H
#define RUNTIME_HOSTROOT_H

#include "runtime/mount.h"
#include "runtime/state.h"

/*
 * The root file system of a container without a mount namespace (runtime-spec: it has that of its
 * runtime). It is mounted on itself in the caller's mount tree, cut off from what that tree passes
 * on, so that the container's own mounts are below it and go with it. Nothing else of the tree
 * changes. The mount's number, in the container's state, tells it from what others mount there.
 */

/* Makes rootfs->root, which is mounted nowhere yet, and its number. */
must_check bool hostroot_make(struct rootfs *rootfs, int64_t *number, struct error *err);
/* Mounts it, once the state leads to it. */
must_check bool hostroot_attach(const struct rootfs *rootfs, struct error *err);
/* Opens a container's, for the caller to close; fails if it is not mounted any more. */
must_check bool hostroot_open(const struct state *state, int *root, struct error *err);
/* Unmounts it with all that is mounted below, if the container has one and it is still there. What
 * a mount below shares with the host stays there. */
must_check bool hostroot_remove(const struct state *state, struct error *err);

#endif
