/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_MOUNT_H
#define RUNTIME_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/cgroup.h"
#include "runtime/spec.h"

/*
 * The container's root file system, made by init inside its new mount namespace, before pivot_root.
 * All that the image could have prepared (links, odd files) is met only through descriptors that
 * were resolved below the root.
 */

struct shared_bind {
	const char *destination; /* cleaned */
	char *path;              /* on the host, where links led it */
};

struct rootfs {
	const struct spec *spec;
	const struct cgroup *cgroup; /* for mounts of type cgroup */
	const char *bundle;          /* absolute */
	const char *path;            /* of the root, absolute, on the host */
	int root;                    /* the mounted root; -1 before rootfs_open */
	dev_t root_dev;              /* which directory that is */
	ino_t root_ino;
	int sync;        /* to the runtime outside, which helps with sources */
	int *sources;    /* bind sources opened beforehand, or NULL */
	int *unfinished; /* mounts that become read-only once they are filled */
	size_t unfinished_count;
	struct shared_bind *shared; /* what is mounted there is mounted for the host, too */
	size_t shared_count;
	bool is_user_namespaced; /* no mknod: bind the host's devices */
	bool is_without_pivot;   /* --no-pivot */
	bool is_screen_ours;     /* the terminal is shown by us, on one that adds returns itself */
};

/* True if init may need the runtime outside for its mounts: see hostmount.h. */
bool rootfs_needs_help(const struct spec *spec);

/* Detaches us from the host's propagation and mounts the root on itself. Not without a mount
 * namespace: see hostroot.h. */
must_check bool rootfs_open(struct rootfs *rootfs, struct error *err);
/* The config's mounts, in order; those of cgroups come last, when init is in its groups. */
must_check bool rootfs_mount(struct rootfs *rootfs, struct error *err);
must_check bool rootfs_mount_cgroups(struct rootfs *rootfs, struct error *err);
/* Device nodes and links in /dev. */
must_check bool rootfs_make_devices(struct rootfs *rootfs, struct error *err);
/* Masked and read-only paths, and whatever shall be read-only once it is filled. */
must_check bool rootfs_protect(struct rootfs *rootfs, struct error *err);
/* Makes the root our "/" and detaches the host's, if the mount namespace is ours. The working
 * directory is "/" then. */
must_check bool rootfs_pivot(struct rootfs *rootfs, struct error *err);

#endif
