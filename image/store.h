/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "image/config.h"
#include "registry/reference.h"

/*
 * The store on disk. No hashing, no archives, no network here: what writes layers is
 * mooring-unpack.
 *
 *     ROOT/images/names.json     name → image ID, all of them: replaced by rename
 *     ROOT/images/HEX.json       one record per image ID: all that running it needs
 *     ROOT/layers/HEX/diff/      one per chain ID; layer.json, split.zst and perhaps blob beside it
 *     ROOT/blobs/sha256/HEX      configurations and manifests as they came
 *     ROOT/staging/              unfinished; a crash leaves rubbish only here
 *     ROOT/lock                  see store_lock
 *
 * A reader takes no lock: each file is the old one or the new one.
 */
struct allowance;

struct store {
	int root;       /* descriptor of ROOT */
	char *path;     /* ROOT as it was given */
	int64_t limit;  /* bytes that all layers together may have; 0: what the disk has */
	int64_t memory; /* bytes that all processes of a pull or load may have together; 0: what
			   the image takes */
	int64_t ratio;  /* of what is unpacked to what was compressed; 0: LIMIT_UNPACK_RATIO */
	bool is_keeping_blobs; /* a pull keeps compressed layers beside the unpacked ones */
	const struct allowance *allowance; /* of this process' pumps (pump.h); NULL: none */
};

/* Opens the store; makes ROOT and what is below it if they are not there. */
must_check bool store_open(const char *path, struct store *store, struct error *err);
void store_close(struct store *store);

/*
 * Between reading an image and having a container on disk that names it, hold the lock shared
 * (FILE_LOCK_SHARED): removal waits. Changes of names and removals hold it exclusively, briefly.
 * The lock lasts as long as *fd is open.
 */
must_check bool store_lock(const struct store *store, bool is_exclusive, int *fd,
			   struct error *err);

struct store_image {
	struct digest id;           /* digest of the configuration */
	struct digest manifest;     /* empty if it was loaded without one */
	const char *const *names;   /* "docker.io/library/redis:7", sorted */
	size_t name_count;          /* 0: dangling, "<none>" */
	const char *const *digests; /* "docker.io/library/redis@sha256:…" */
	size_t digest_count;
	const struct digest *chains;   /* chain IDs, lowest layer first */
	const struct digest *diff_ids; /* of the same layers */
	size_t layer_count;
	int64_t size;    /* bytes of all layers */
	int64_t created; /* seconds since 1970 */
	long created_ns;
	struct image_config config;
};

/*
 * What a user may call an image: a name, NAME@sha256:…, an ID ("sha256:…" or its hex digits) or the
 * beginning of one. Everything lives in `arena`. Fails with ERROR_NOT_FOUND ("No such image:
 * x:latest"), or ERROR_INPUT if more than one ID begins so.
 */
must_check bool store_find(const struct store *store, struct arena *arena, const char *name,
			   struct store_image *image, struct error *err);

/* An image here is for one platform: fails with ERROR_NOT_FOUND, in docker's words, if that is not
 * `platform` ("linux/arm64"). NULL and "": whatever it is for. `name` is for the message. */
must_check bool store_check_platform(const struct store_image *image, const char *name,
				     const char *platform, struct error *err);

/* The same where the image is to be run, or was just pulled: docker's words for that name both
 * platforms, and one that does not say what it is for is taken for the right one. */
must_check bool store_fits_platform(const struct store_image *image, const char *name,
				    const char *platform, struct error *err);

/* By ID alone. */
must_check bool store_get(const struct store *store, struct arena *arena, const struct digest *id,
			  struct store_image *image, struct error *err);

/* All images, newest first. */
must_check bool store_list(const struct store *store, struct arena *arena,
			   struct store_image **images, size_t *count, struct error *err);

/* Bytes of one layer's files, as docker counts them. */
must_check bool store_layer_size(const struct store *store, const struct digest *chain,
				 int64_t *bytes, struct error *err);

/* Gives the image one more name, taking it from whatever had it. */
must_check bool store_tag(const struct store *store, const struct digest *id,
			  const struct reference *name, struct error *err);

/* The file blobs/sha256/HEX: configurations and manifests. */
must_check bool store_read_blob(const struct store *store, const struct digest *digest,
				struct buf *buf, struct error *err);

struct store_user {
	char container[13]; /* the short ID; empty: none */
	bool is_running;
};

/* Who uses an image? Answered by the engine, which fails if nobody is known to use it, but not all
 * can be asked. */
struct store_usage {
	bool (*find)(void *context, const struct digest *image, struct store_user *user,
		     struct error *err);
	void *context;
};

/* What went, in the order docker prints it. Texts live in the arena that was given. */
struct store_removal {
	struct texts untagged; /* familiar names */
	struct texts deleted;  /* "sha256:…" of the image, then of its layers */
	int64_t bytes;         /* set free */
};

void store_removal_done(struct store_removal *removal);

/*
 * docker rmi: takes the name away, and with the last one the image and the layers no other image
 * has. An image that a container uses stays: without `is_forced` ERROR_EXISTS with docker's words,
 * with it only the name goes. Layers someone is just pulling stay for a later prune.
 */
must_check bool store_remove(const struct store *store, struct arena *arena, const char *name,
			     bool is_forced, const struct store_usage *usage,
			     struct store_removal *removal, struct error *err);

#endif
