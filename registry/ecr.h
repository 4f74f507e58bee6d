/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_ECR_H
#define REGISTRY_ECR_H

#include <stdbool.h>

#include "base/mem.h"
#include "registry/http.h"
#include "registry/sigv4.h"

/*
 * Amazon ECR: which registry's name means what, and how to ask for the password that its registries
 * take (GetAuthorizationToken). Text only: the network is the caller's.
 */

enum ecr_kind {
	ECR_NONE, /* another registry */
	ECR_PRIVATE,
	ECR_PUBLIC,
};

struct ecr {
	enum ecr_kind kind;
	const char *region;
	const char *endpoint; /* "https://api.ecr.eu-west-1.amazonaws.com" */
};

/* `domain` as in references: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", in all partitions,
 * FIPS and dual stack; "public.ecr.aws". In `arena`. */
struct ecr ecr_of_domain(struct arena *arena, const char *domain) must_check;

/* The signed request for the password. */
void ecr_ask(struct arena *arena, const struct ecr *ecr, const struct sigv4_keys *keys,
	     time_t clock_skew, struct http_request *request);

#endif
