/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_SIGN_H
#define REGISTRY_SIGN_H

#include <stdbool.h>
#include <time.h>

#include "registry/http.h"
#include "registry/sigv4.h"

/*
 * Signs a whole HTTP request for an AWS service (registry/sigv4.h has the arithmetic).
 */

#define SIGN_UNSIGNED   "UNSIGNED-PAYLOAD" /* S3 alone takes it */
#define SIGN_EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct sign_how {
	const struct sigv4_keys *keys;
	const char *service; /* "s3" signs paths in a way of its own */
	const char *region;
	const char *payload_hash; /* hex SHA-256 of the body, or SIGN_UNSIGNED */
	time_t clock_skew;        /* what to add to our clock to have the server's */
};

/* Adds the x-amz-… fields and the authorization; signs these, the host, the content's type and what
 * x-amz-… fields there were. At most SIGN_HEADERS_MAX fields come in. All texts live in `arena`. */
#define SIGN_HEADERS_MAX 32
void sign_http(struct arena *arena, const struct sign_how *how, struct http_request *request);

/* What to add to our clock to have the server's, by the reply's Date. False without one. */
bool sign_read_skew(const struct http_response *response, time_t *skew);

#endif
