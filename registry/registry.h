/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "registry/aws.h"
#include "registry/fetch_settings.h"
#include "registry/reference.h"
#include "registry/source.h"

/*
 * Image registries (OCI distribution API): addresses and what their refusals mean. What is learnt
 * about a host (scheme, challenge, tokens) is shared by all transfers of the process.
 */

struct registry;

/* Both arguments must outlive it. */
struct registry *registry_new(const struct fetch_settings *settings, struct aws *aws) must_check;
void registry_free(struct registry *registry);

struct registry_request {
	struct reference reference;
	struct digest digest;  /* of a blob */
	const char *part;      /* what the blob is of an image ("filesystem layer"); or NULL */
	bool is_index_welcome; /* a manifest: a list of platforms is as good */
	bool is_head;          /* a manifest: only its digest and media type, by one request if no
				  token is needed */
	const char *query;     /* of a list of tags: where it goes on; NULL: its beginning */
	bool is_from_origin;   /* from no mirror: what it sent was wrong */
};

/* The manifest that the reference names, by digest if it has one. */
struct source registry_manifest(struct registry *registry,
				const struct registry_request *request) must_check;
struct source registry_blob(struct registry *registry,
			    const struct registry_request *request) must_check;
/* A page of the list of the repository's tags, as the registry writes it: {"tags":["1"]}. Its Link
 * header has the query of the next one. */
struct source registry_tags(struct registry *registry,
			    const struct registry_request *request) must_check;
/* Is the login for the reference's domain a good one? The body says nothing; a refusal does. */
struct source registry_login(struct registry *registry,
			     const struct registry_request *request) must_check;

#endif
