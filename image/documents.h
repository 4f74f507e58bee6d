/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_DOCUMENTS_H
#define IMAGE_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "image/layout.h"
#include "image/stage.h"
#include "image/store.h"

/*
 * What an image has besides its layers (configuration, manifest, index, record), on its way into
 * the store: written to staging/, made to last by the one syncfs that the layers need anyway, and
 * renamed to where it belongs. Each alone would take two more fsyncs; on flash one is tens of
 * milliseconds.
 */

#define DOCUMENTS_MAX 4

struct document {
	struct layout_path to; /* below the store's root */
	bool is_wanted;
};

struct documents {
	const struct store *store;
	struct stage *stage; /* document N is the file "N" there; NULL: none was written */
	struct document items[DOCUMENTS_MAX];
	size_t count;
	bool is_unsynced; /* of those that are wanted one may not be on the disk: the user's to
			     mend */
};

/* Wants no document any more. What was written stays, for the case that it is wanted again. */
void documents_reset(struct documents *documents);

/* Writes what is to be the file `to`, once. */
must_check bool documents_want(struct documents *documents, const struct layout_path *to,
			       const void *bytes, size_t length, struct error *err);

/* Gives those that are wanted and belong to `directory` their names there; what had them goes. All
 * is on the disk before; the names are not made to last. Hold the store's lock. */
must_check bool documents_name(const struct documents *documents, const char *directory,
			       struct error *err);

void documents_done(struct documents *documents);

#endif
