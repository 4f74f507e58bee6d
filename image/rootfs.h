/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ROOTFS_H
#define IMAGE_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "image/store.h"

/*
 * A container's root file system: an overlay of the image's layers and an upper directory.
 */
struct rootfs {
	const struct digest *chains; /* lowest layer first, as in struct store_image */
	size_t layer_count;          /* 0 is fine */
	const char *upper, *work;    /* absolute paths; empty directories on the first mount */
	const char *target;          /* where to mount */
	bool is_volatile;            /* never synced: for containers that are thrown away */
	bool is_rootless;            /* inside a user namespace: user.overlay.* attributes */
	bool is_bare;                /* the layers alone, without what containers have: footing.h */
};

/* Mounts it in the calling process's mount namespace, which should be private: no unmount is needed
 * then. The working directory is kept. */
must_check bool rootfs_mount(const struct store *store, const struct rootfs *rootfs,
			     struct error *err);

#endif
