/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_SWEEP_H
#define IMAGE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/store.h"

/*
 * Taking layers and blobs out of the store. Hold the store's lock exclusively for all but
 * sweep_staging.
 *
 * Whoever relies on a layer no image names yet (a pull between finding and publishing) holds a
 * shared flock on its directory; such layers are left alone. What is taken out is first renamed
 * into staging/, so that a crash leaves a layer whole or gone.
 */

/* What the images on record need. Lives in an arena. */
struct reach {
	struct digest *chains; /* sorted */
	size_t chain_count;
	struct digest *blobs; /* sorted */
	size_t blob_count;
};

must_check bool reach_read(const struct store *store, struct arena *arena, struct reach *reach,
			   struct error *err);

/* Moves the layer out unless it is reached or in use; *is_gone tells. Adds its size to *bytes. */
must_check bool sweep_layer(const struct store *store, const struct reach *reach,
			    const struct digest *chain, bool *is_gone, int64_t *bytes,
			    struct error *err);
/* Removes the blob unless it is reached. */
must_check bool sweep_blob(const struct store *store, const struct reach *reach,
			   const struct digest *blob, struct error *err);
/* Every layer and blob, and files that were never renamed to their names. Unless `is_thorough`,
 * layers made in the last days stay: the rest of their image may yet come. */
must_check bool sweep_all(const struct store *store, const struct reach *reach, bool is_thorough,
			  int64_t *bytes, struct error *err);

/* Deletes everything in staging/ that nobody holds a lock on; unless `is_thorough` without layers
 * where a pull can go on, for some days (CHECKPOINT_DAYS). Needs no lock. Adds to *bytes, if it is
 * not NULL, the sizes of files, but for those of layers that sweep_layer has counted. */
must_check bool sweep_staging(const struct store *store, bool is_thorough, int64_t *bytes,
			      struct error *err);

#endif
