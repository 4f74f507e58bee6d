/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_MOUNT_H
#define RUNTIME_MOUNT_H

#include <stdbool.h>

#include "runtime/cgroup.h"
#include "runtime/spec.h"

/*
 * The container's root file system, made by init inside its new mount namespace, before pivot_root.
 * All that the image could have prepared (links, odd files) is met only through descriptors that
 * were resolved below the root.
 */

struct rootfs {
	const struct spec *spec;
	const struct cgroup *cgroup; /* for mounts of type cgroup */
	const char *bundle;          /* absolute */
	const char *path;            /* of the root, absolute, on the host */
	int root;                    /* the mounted root; -1 before rootfs_open */
	int *sources;                /* bind sources opened beforehand, or NULL */
	bool is_user_namespaced;     /* no mknod: bind the host's devices */
};

/* Detaches us from the host's propagation and mounts the root on itself. */
must_check bool rootfs_open(struct rootfs *rootfs, struct error *err);
/* Opens all bind sources now, while we still have the caller's rights to reach them. */
must_check bool rootfs_open_sources(struct rootfs *rootfs, struct error *err);
/* The config's mounts, in order; those of cgroups come last, when init is in its groups. */
must_check bool rootfs_mount(struct rootfs *rootfs, struct error *err);
must_check bool rootfs_mount_cgroups(struct rootfs *rootfs, struct error *err);
/* Device nodes and links in /dev. */
must_check bool rootfs_make_devices(struct rootfs *rootfs, struct error *err);
/* Masked and read-only paths, and whatever shall be read-only once it is filled. */
must_check bool rootfs_protect(struct rootfs *rootfs, struct error *err);
/* Makes the root our "/" and detaches the host's. The working directory is "/" then. */
must_check bool rootfs_pivot(struct rootfs *rootfs, struct error *err);

/* -- shared by the parts ----------------------------------------------------------------------- */

/* MOUNT_ATTR_* of the per-mount MS_* flags. */
uint64_t rootfs_attributes(unsigned long flags);
/* Binds a detached mount onto an open target, with these attributes set first. Closes the tree. */
must_check bool rootfs_bind(int tree, int target, uint64_t attributes, struct error *err);
/* A mount of type cgroup at the open directory `target`. */
must_check bool rootfs_mount_cgroup(struct rootfs *rootfs, const struct spec_mount *mount,
				    int target, struct error *err);
/* Opens, or makes as an empty file, what a file shall be mounted on. */
must_check bool rootfs_open_file_target(const struct rootfs *rootfs, const char *name, int *fd,
					struct error *err);

#endif
