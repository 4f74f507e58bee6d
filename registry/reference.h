/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_REFERENCE_H
#define REGISTRY_REFERENCE_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "registry/limit.h"

/*
 * Image names by docker's grammar (distribution/reference), normalised: "redis" is
 * docker.io/library/redis:latest. A plain value; nothing to free.
 */
struct reference {
	char domain[LIMIT_REFERENCE_DOMAIN + 1]; /* "docker.io", "127.0.0.1:5000" */
	char path[LIMIT_REFERENCE_PATH + 1];     /* "library/redis" */
	char tag[LIMIT_REFERENCE_TAG + 1];       /* "" if there is none */
	struct digest digest;                    /* empty if there is none */
};

/* Parses what a user typed. With neither tag nor digest the tag becomes "latest". Fails with
 * ERROR_INPUT ("invalid reference format", docker's words), or ERROR_UNSUPPORTED for a digest that
 * is not sha256. */
must_check bool reference_parse(struct reference *reference, const char *text, struct error *err);

/* The same without the default tag: for filters, where "redis" means every tag. */
must_check bool reference_parse_bare(struct reference *reference, const char *text,
				     struct error *err);

/* Canonical text: "docker.io/library/redis:7@sha256:…". The caller frees it, as all below. */
char *reference_text(const struct reference *reference) must_check;
/* "docker.io/library/redis" */
char *reference_name(const struct reference *reference) must_check;

/* The familiar form, as docker prints it: "redis:7", "redis". */
char *reference_familiar(const struct reference *reference) must_check;
char *reference_familiar_name(const struct reference *reference) must_check;

/* True if `tag`, or "HOST[:PORT]", alone is well-formed. */
bool reference_is_tag(const char *tag);
bool reference_is_domain(const char *domain);

#endif
