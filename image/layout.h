/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_LAYOUT_H
#define IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

/*
 * Where things lie below ROOT: the one place that spells these paths.
 */
#define LAYOUT_IMAGES  "images"
#define LAYOUT_LAYERS  "layers"
#define LAYOUT_BLOBS   "blobs/sha256"
#define LAYOUT_STAGING "staging"
#define LAYOUT_FOOTING "footing"   /* below all layers: see footing.h */
#define LAYOUT_SPLIT   "split.zst" /* in a layer's directory: see split.h */
#define LAYOUT_RESUME  "resume"    /* in a staged one: see checkpoint.h */
#define LAYOUT_KEPT    "blob"      /* in a layer's directory: its blob as it came, if it is kept */
#define LAYOUT_LOCK    "lock"

struct layout_path {
	char text[128];
};

struct layout_path layout_layer(const struct digest *chain);  /* layers/HEX */
struct layout_path layout_diff(const struct digest *chain);   /* layers/HEX/diff */
struct layout_path layout_staged(const struct digest *chain); /* staging/layer-HEX */
struct layout_path layout_dead(const struct digest *chain);   /* staging/dead-HEX */
bool layout_is_dead(const char *name);                        /* is NAME of staging/NAME one? */
struct layout_path layout_blob(const struct digest *digest);  /* blobs/sha256/HEX */

/* Makes the directories that are missing. */
must_check bool layout_make(int root, struct error *err);

/* layers/HEX/layer.json: written last, before a layer gets its name. `dir` is the layer's
 * directory. */
struct layer_info {
	struct digest diff_id;
	int64_t size;       /* bytes of its files, as docker counts */
	int64_t entries;    /* of its archive */
	int64_t tar;        /* bytes of its archive, uncompressed */
	struct digest kept; /* of LAYOUT_KEPT; empty: there is none */
	int64_t kept_size;
};

must_check bool layer_info_read(int dir, struct layer_info *info, struct error *err);
must_check bool layer_info_write(int dir, const struct layer_info *info, struct error *err);

/* Opens LAYOUT_KEPT of a layer's directory for reading; -1 if it is not that blob. What is in it is
 * to be checked. */
int layer_open_kept(int dir, const struct layer_info *info, const struct digest *blob);

#endif
