/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/texts.h"
#include "image/events.h"
#include "image/store.h"

/*
 * Pulling and pushing: starts mooring-fetch (the network) and mooring-unpack (the disk), joins
 * them, and shows what they report.
 */
enum image_errand {
	IMAGE_PULL,
	IMAGE_PUSH,
	IMAGE_LOAD,
};

struct image_pull {
	const char *reference; /* as the user typed it */
	const char *platform;  /* "linux/arm64"; NULL: this machine's */
	struct texts again;   /* chain IDs of layers to be fetched though they are there: damaged */
	bool is_mirrored;     /* the settings name mirrors */
	const char *settings; /* JSON for mooring-fetch's descriptor 5 (docs/architecture.md); NULL:
				 {} */
	int learnt_fd;        /* its descriptor 6, where the settings say that it is there; or -1 */
	enum image_errand errand; /* image_push and image_load_object set it */
};

/* Fails with the kind that tells what to do: ERROR_NETWORK, ERROR_NOT_FOUND, ERROR_DENIED,
 * ERROR_CORRUPT, ERROR_NO_SPACE. `watcher` may be NULL. *id is the image's. */
must_check bool image_pull(const struct store *store, const struct image_pull *pull,
			   const struct image_watcher *watcher, struct digest *id,
			   struct error *err);

/* The other way: `reference` is a name of an image here, and where it goes. What the registry has
 * is told as IMAGE_PUSHED. */
must_check bool image_push(const struct store *store, const struct image_pull *push,
			   const struct image_watcher *watcher, struct error *err);

/* image_load (archive.h) of an archive in a bucket: `reference` is "s3://BUCKET/KEY". Of a tar that
 * is not compressed only what is missing here is fetched. */
must_check bool image_load_object(const struct store *store, const struct image_pull *load,
				  const struct image_watcher *watcher, struct error *err);

#endif
