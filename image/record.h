/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_RECORD_H
#define IMAGE_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/layout.h"
#include "image/names.h"
#include "image/store.h"

/*
 * images/HEX.json: what running, listing and removing an image needs, so that nobody has to open
 * its configuration or manifest again.
 */

/* Fills in the image, its names taken from `names`. ERROR_NOT_FOUND if there is no record. */
must_check bool record_read(const struct store *store, struct arena *arena, const struct digest *id,
			    const struct names *names, struct store_image *image,
			    struct error *err);

/* Where the record of an image is, below the store's root. */
struct layout_path record_path(const struct digest *id);

/* Appends the record, without the image's names. */
must_check bool record_print(const struct store_image *image, struct buf *text, struct error *err);

must_check bool record_remove(const struct store *store, const struct digest *id,
			      struct error *err);

/* IDs of all records that begin with `prefix` (hex; "" for all). The array lives in `arena`. */
must_check bool record_list(const struct store *store, struct arena *arena, const char *prefix,
			    struct digest **ids, size_t *count, struct error *err);

#endif
