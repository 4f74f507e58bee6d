/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "image/store.h"

/*
 * What mooring-unpack does, each inside the store it is confined to.
 */

/* Descriptors mooring-unpack is started with. */
#define UNPACK_ARCHIVE_IN  0
#define UNPACK_ARCHIVE_OUT 1
#define UNPACK_FETCH       3

must_check bool unpack_load(const struct store *store, int fd, struct error *err);
must_check bool unpack_pull(const struct store *store, int fetch, const char *reference,
			    const char *platform, struct error *err);
must_check bool unpack_save(const struct store *store, const char *const *names, size_t count,
			    int fd, struct error *err);

#endif
