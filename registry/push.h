/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_PUSH_H
#define REGISTRY_PUSH_H

#include "base/digest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"

/*
 * Pushing (distribution-spec, "Push"): blobs first, then the manifest that names them. A source
 * like the others; what is sent comes from a file, so that a broken upload can begin again.
 */
struct push_request {
	struct reference reference; /* a manifest goes under its tag, or its digest */
	struct digest digest;       /* of the blob */
	const char *from;           /* another repository that may have it: mount it; or NULL */
	const char *media_type;     /* of the manifest */
	int64_t size;
	int fd;           /* the body; taken */
	bool *is_mounted; /* becomes true if `from` had it; lives as long as the source. NULL: no
			     matter */
};

/* Is the blob there, or can it be had from the other repository? ERROR_NOT_FOUND: no. */
struct source push_look(struct registry *registry, const struct push_request *request) must_check;
struct source push_blob(struct registry *registry, const struct push_request *request) must_check;
struct source push_manifest(struct registry *registry,
			    const struct push_request *request) must_check;

#endif
