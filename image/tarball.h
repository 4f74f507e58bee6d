/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_TARBALL_H
#define IMAGE_TARBALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/pump.h"
#include "image/remote.h"
#include "image/stage.h"
#include "image/store.h"

/*
 * An archive of images, read once from front to back. Its documents are kept in memory. Layers of a
 * seekable, uncompressed archive are left where they are and read when it is known which ones are
 * wanted; those of a pipe are unpacked as they pass by, before anyone knows where they belong.
 */
struct tarball_member {
	const char *name; /* cleaned: "blobs/sha256/9c0…" */
	const char *link; /* of a link: the member it means, cleaned; otherwise NULL */
	int64_t start, size;
	const char *document;  /* its bytes, if it looks like JSON; otherwise NULL */
	struct stage *stage;   /* unpacked in passing, parked; NULL otherwise */
	struct stage *model;   /* what a second copy is made from, after that */
	struct error *failure; /* why it could not be unpacked: matters only if someone wants it */
};

struct tarball {
	const struct store *store;
	struct arena arena;
	int fd;
	bool is_seekable;
	bool is_directory;      /* fd is a directory that has the members as files */
	struct remote *remote;  /* where it lies, if not here; NULL: here */
	struct worker inflater; /* of a compressed archive */
	struct tarball_member *members;
	size_t count, room;
	int64_t document_bytes;
	size_t document_count;
	size_t layers;       /* unpacked in passing */
	struct stage *place; /* staging/load-PID: all stages are in there; NULL: none so far */
	unsigned int stages; /* made so far: their names are numbered */
};

/* `fd` may also be a directory in which such an archive lies unpacked. */
must_check bool tarball_open(const struct store *store, int fd, struct tarball *tarball,
			     struct error *err);
void tarball_close(struct tarball *tarball);

/* The same of one in a bucket; `remote` must outlive it. */
must_check bool tarball_open_remote(const struct store *store, struct remote *remote,
				    struct tarball *tarball, struct error *err);

/* NULL if there is none. Of several members with one name the last one counts. A link to another
 * member is followed once. */
struct tarball_member *tarball_find(struct tarball *tarball, const char *name);

/* A stage in which the layer is being unpacked, or is unpacked already; the caller's from here on,
 * to be published as the layer `chain`, or freed before the tarball is closed. */
must_check bool tarball_unpack(struct tarball *tarball, struct tarball_member *member,
			       const struct digest *chain, struct stage **stage, struct error *err);

/* Waits for such a stage: stage_finish. */
must_check bool tarball_finish(struct tarball *tarball, struct stage *stage, struct error *err);

/* What it takes to fill one, for loosefiles.c. */
#define TARBALL_HEAD 512 /* enough to tell a tar from JSON */

bool tarball_is_document(const char *head, size_t length);
/* `name` is cleaned. The member is valid until the next call. */
must_check bool tarball_add(struct tarball *tarball, const char *name, int64_t size,
			    struct tarball_member **member, struct error *err);
/* Room for the member's bytes, which are its document from here on. */
must_check bool tarball_keep(struct tarball *tarball, struct tarball_member *member,
			     char **document, struct error *err);

must_check bool loosefiles_open(struct tarball *tarball, struct error *err);
must_check bool loosefiles_start(struct tarball *tarball, const struct tarball_member *member,
				 struct stage *stage, struct error *err);

#endif
