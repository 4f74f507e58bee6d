/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ROOM_H
#define IMAGE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/store.h"

/*
 * How much the store may still take: what the disk has, less a reserve for others, and what is left
 * of the store's own limit (struct store).
 */

/* Fails with ERROR_NO_SPACE if `wanted` bytes more are too many: said before the first one is
 * fetched. */
must_check bool room_check(const struct store *store, int64_t wanted, struct error *err);

/* What is left of the store's limit for a layer that begins now; INT64_MAX if there is none. */
must_check bool room_of_limit(const struct store *store, int64_t *bytes, struct error *err);

/* Fails with ERROR_NO_SPACE: the limit would be exceeded. */
bool room_exceeded(const struct store *store, struct error *err);

/* Fails with ERROR_NO_SPACE if the file system that `fd` is on has no more than the reserve. */
must_check bool room_check_disk(int fd, struct error *err);

#endif
