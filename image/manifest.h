/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "registry/platform.h"

/*
 * Manifests and indexes (image-spec 1.1 and docker's schema 2), and docker save's manifest.json.
 * Everything lives in the arena that was given.
 */

struct descriptor {
	const char *media_type; /* "" if missing */
	struct digest digest;
	int64_t size;
	bool has_platform;
	struct platform platform; /* entries of an index */
	const char *name;         /* entries of a layout: the image's name, or NULL */
};

enum manifest_kind {
	MANIFEST_IMAGE, /* config and layers */
	MANIFEST_INDEX, /* entries */
};

struct manifest {
	enum manifest_kind kind;
	struct descriptor config;
	struct descriptor *layers; /* lowest first */
	size_t layer_count;
	struct descriptor *entries; /* only images and indexes; no attestations */
	size_t entry_count;
};

/* `media_type` is what the server said, or NULL. Refuses schema 1, artifacts, layers no one can
 * unpack, and documents that could be read two ways. */
must_check bool manifest_parse(struct arena *arena, const void *bytes, size_t length,
			       const char *media_type, struct manifest *manifest,
			       struct error *err);

/* The entry to run here: what fits the platform best. Fails with ERROR_NOT_FOUND, naming what is
 * offered. */
must_check bool manifest_choose(const struct manifest *index, const struct platform *wanted,
				const struct descriptor **chosen, struct error *err);

/* docker save's manifest.json. Names of members are as they stand there. */
struct saved_image {
	const char *config;
	const char *const *names;
	size_t name_count;
	const char *const *layers;
	size_t layer_count;
};

must_check bool manifest_parse_saved(struct arena *arena, const void *bytes, size_t length,
				     struct saved_image **images, size_t *count, struct error *err);

/* oci-layout, the mark of a layout (image-spec, image-layout.md). Fails with ERROR_UNSUPPORTED if
 * it says another version than 1.0.0; many writers leave it empty. */
must_check bool manifest_check_layout(const void *bytes, size_t length, struct error *err);

#endif
