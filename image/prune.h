/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PRUNE_H
#define IMAGE_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/store.h"

/*
 * Removing what nothing reaches.
 */
struct prune {
	bool is_all;   /* also images that have a name; not only dangling ones */
	int64_t until; /* only images created before this second; 0: any */
	/* Further choice by the caller (labels); NULL: every one. */
	bool (*is_wanted)(void *context, const struct store_image *image);
	void *context;
};

/* docker image prune: removes images that no container uses, and then the rubbish. */
must_check bool prune_images(const struct store *store, struct arena *arena,
			     const struct prune *prune, const struct store_usage *usage,
			     struct store_removal *removal, struct error *err);

/* Removes what crashes left: unfinished work nobody holds a lock on, layers and blobs no image has.
 * Unless `is_thorough`, what a pull could go on with stays for some days (CHECKPOINT_DAYS). Cheap
 * when there is nothing; never waits. *bytes may be NULL. */
must_check bool prune_rubbish(const struct store *store, bool is_thorough, int64_t *bytes,
			      struct error *err);

#endif
