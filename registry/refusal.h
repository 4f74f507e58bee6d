/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_REFUSAL_H
#define REGISTRY_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * What a server means by a reply that is not what was asked for.
 */

/* "404 Not Found" */
char *refusal_status(struct arena *arena, int status) must_check;

/* A registry's {"errors":[{"code":"MANIFEST_UNKNOWN","message":"…"}]} in docker's words, "manifest
 * unknown: …"; else the beginning of the text, if it is text, or the status. A 401 says
 * "unauthorized: …" where it says nothing better. */
char *refusal_of_registry(struct arena *arena, int status, const char *body,
			  size_t length) must_check;
/* True if the first error has that code. */
bool refusal_has_code(const char *body, size_t length, const char *code);

/* Text of the first <NAME> element of S3's XML; "" if there is none. */
char *refusal_xml(struct arena *arena, const char *body, const char *name) must_check;

/* "… received unexpected HTTP status: 503 Service Unavailable", with the words by which AWS's
 * nucleus knows that it should try again where that is so. */
bool refusal_unexpected(const char *url, int status, const char *said, struct error *err);

#endif
