/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/texts.h"
#include "image/store.h"

/*
 * What mooring-unpack does, each inside the store it is confined to.
 */

/* Descriptors mooring-unpack is started with. */
#define UNPACK_ARCHIVE_IN  0
#define UNPACK_ARCHIVE_OUT 1
#define UNPACK_FETCH       3
#define UNPACK_CONFIG      5

struct unpack_load {
	int fd;
	const char *platform; /* NULL: this machine's */
	const char *object;   /* "s3://BUCKET/KEY", in place of fd; NULL: none */
	int fetch;            /* control socket to mooring-fetch, for `object` */
};

must_check bool unpack_load(const struct store *store, const struct unpack_load *what,
			    struct error *err);
struct unpack_pull {
	int fetch; /* control socket to mooring-fetch */
	const char *reference;
	const char *platform;      /* NULL: this machine's */
	const struct texts *again; /* chain IDs of layers that are there, but damaged */
	bool is_mirrored;          /* what mooring-fetch brings may come from a mirror */
};

must_check bool unpack_pull(const struct store *store, const struct unpack_pull *what,
			    struct error *err);
/* `platform` NULL: whatever an image is for. */
must_check bool unpack_save(const struct store *store, const struct texts *names,
			    const char *platform, int fd, struct error *err);

/* See integrity.h; no names: all images. */
must_check bool unpack_verify(const struct store *store, const struct texts *names,
			      struct error *err);

/* `name` is the image, and where it goes. */
must_check bool unpack_push(const struct store *store, int fetch, const char *name,
			    struct error *err);

/* Makes an image of one layer more than `parent` (an ID; NULL: of that layer alone). `layer` is a
 * tar archive, or with `is_upper` a directory; `config` is read to its end: see build.h. `name` may
 * be NULL. */
struct unpack_build {
	const char *parent, *name;
	int layer, config;
	bool is_upper;
	const struct texts *bare; /* see image/pack.h */
};

must_check bool unpack_build(const struct store *store, const struct unpack_build *build,
			     struct error *err);

#endif
