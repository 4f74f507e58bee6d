/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_HELD_H
#define IMAGE_HELD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/layout.h"
#include "image/names.h"
#include "image/store.h"

/*
 * An image that is being read as a whole, to be saved or pushed: its layers stay until we are done,
 * although the store is not locked.
 */
struct held {
	struct store_image image;
	struct buf config;
	int *layers; /* their directories, locked */
	struct layer_info *infos;
};

/* Texts live in `arena`. On failure there is something to be closed, too. */
must_check bool held_open(const struct store *store, struct arena *arena, const struct digest *id,
			  const struct names *names, struct held *held, struct error *err);
/* Zero-initialised ones, too. */
void held_close(struct held *held);

#endif
