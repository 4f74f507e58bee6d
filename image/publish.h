/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PUBLISH_H
#define IMAGE_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/texts.h"
#include "image/limits.h"
#include "image/stage.h"
#include "image/store.h"

/*
 * From staging to the store, in the order that survives a power cut at any point: files and
 * documents, sync, names of layers and blobs, sync of these, record, image's names.
 */

/* An image being put together. */
struct draft_layer {
	struct digest diff_id, chain;
	int dir; /* layers/HEX or its stage, with a lock that keeps it; -1: not there yet */
	int diff;
	int64_t size;
	bool is_damaged;     /* the one that is there; a new one takes its place */
	int kept;            /* the blob of the damaged one; -1: none */
	struct stage *stage; /* finished but not published; NULL otherwise */
};

struct draft {
	const struct store *store;
	struct arena arena;
	struct digest id;
	struct image_config config;
	struct draft_layer layers[LIMIT_LAYERS];
	size_t layer_count;
	size_t published;    /* layers that have their names */
	int64_t unpublished; /* bytes of finished layers that have none */
	int64_t added,
		room; /* bytes of layers that are new, and how many the store's limit allows */
};

/* Reads the configuration, computes ID and chain IDs, and takes hold of the layers that are there.
 */
must_check bool draft_open(const struct store *store, const void *config, size_t length,
			   struct draft *draft, struct error *err);
void draft_close(struct draft *draft);

/* Looks again whether the layer is there: another process may have made it. */
must_check bool draft_find_layer(struct draft *draft, size_t index, struct error *err);

/* The layer that is there is damaged: the draft lets go of it, and one to be added replaces it. If
 * its blob was kept, that can be read once more. */
void draft_forget_layer(struct draft *draft, size_t index, const struct digest *blob);

/* Hands over a finished layer; the draft publishes and frees it. Layers may come in any order. */
must_check bool draft_add_layer(struct draft *draft, size_t index, struct stage *stage,
				struct error *err);

/* Publishes the layers that lie on published ones, once they are many bytes (UNPUBLISHED_BYTES).
 * That waits for the disk: first start what can be unpacked meanwhile. */
must_check bool draft_settle(struct draft *draft, struct error *err);

struct publication {
	const void *config; /* the configuration's bytes */
	size_t config_length;
	const void *manifest; /* NULL if there is none */
	size_t manifest_length;
	const void *index; /* by which the manifest was chosen: kept as long as a name says its
			      digest; NULL if there is none */
	size_t index_length;
	bool is_repair;           /* write configuration and record though they are there */
	const char *const *names; /* canonical */
	size_t name_count;
};

/* What each name meant before. */
struct name_change {
	struct digest before; /* empty: nothing */
};

/* Everything becomes visible, the names last. `changes` has room for each name. *is_new: there was
 * no such image. */
must_check bool draft_publish(struct draft *draft, const struct publication *publication,
			      struct name_change *changes, bool *is_new, struct error *err);

#endif
