/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_NAMES_H
#define IMAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/store.h"

/*
 * images/names.json: {"docker.io/library/redis:7": "sha256:…", …}, sorted. One small file, so that
 * finding an image is one read and several names change at once or not at all.
 */
struct name {
	const char *text; /* canonical: with a tag or a digest, never both */
	struct digest id;
};

struct names {
	struct arena *arena; /* everything lives here */
	struct name *items;
	size_t count;
};

must_check bool names_read(const struct store *store, struct arena *arena, struct names *names,
			   struct error *err);
/* Durable once it returns. Hold the store's lock from before the read. */
must_check bool names_write(const struct store *store, const struct names *names,
			    struct error *err);
/* The same after nothing but removals: on a full disk too, in space that was kept for it
 * (base/spare.h). Images are removed to free the disk. */
must_check bool names_write_fewer(const struct store *store, const struct names *names,
				  struct error *err);

/* NULL if there is no such name. */
const struct name *names_find(const struct names *names, const char *text);
void names_set(struct names *names, const char *text, const struct digest *id);
void names_remove(struct names *names, const char *text);

/* The digest of "…@sha256:…". False: it has none. */
bool name_digest(const char *text, struct digest *digest);

/* "…:7", not "…@sha256:…" */
bool name_is_tag(const char *text);

#endif
