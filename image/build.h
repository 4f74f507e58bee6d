/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_BUILD_H
#define IMAGE_BUILD_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "image/config.h"
#include "image/store.h"

/*
 * An image made on this machine: docker import and docker commit.
 */
struct image_build {
	const struct digest
		*parent; /* whose layers lie below and whose history goes on; NULL: none */
	int layer;       /* a tar archive of any compression, a pipe or a file; or a directory */
	bool is_upper;   /* `layer` is a directory: overlay's upper side of a container */
	const char *const *bare; /* of an upper side: what is left out as long as it is empty or a
				  * link; NULL-terminated; NULL: nothing */
	const struct image_config *config; /* of the new image; `created` is also the layer's */
	const char *author, *comment,
		*created_by; /* of the layer, for the history; NULL: nothing */
	const char *name;    /* canonical: "docker.io/library/x:1"; NULL: none */
};

/* Closes nothing. A layer without a single entry adds nothing but its line in the history. *id is
 * the new image's. Fails with ERROR_NOT_FOUND if the parent is gone. */
must_check bool image_build(const struct store *store, const struct image_build *build,
			    struct digest *id, struct error *err);

#endif
