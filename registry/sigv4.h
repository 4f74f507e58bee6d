/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_SIGV4_H
#define REGISTRY_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/mem.h"

/*
 * AWS Signature Version 4, header form. Our own, because libcurl's has a defect for each of our
 * needs in the versions devices have.
 */

struct sigv4_keys {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* or NULL */
};

struct sigv4_header {
	const char *name; /* lower case */
	const char *value;
};

#define SIGV4_HEADERS_MAX 40

struct sigv4_request {
	const char *method;
	const char *path;                   /* as it is sent: percent-encoded once */
	const char *query;                  /* as it is sent, without '?'; "" if there is none */
	const struct sigv4_header *headers; /* to be signed; "host" must be among them; any order */
	size_t header_count;
	const char *payload_hash; /* hex SHA-256, or "UNSIGNED-PAYLOAD" */
	const char *service;
	const char *region;
	time_t time;
	/* S3 signs the path as it is sent; all other services sign it encoded once more. */
	bool is_path_raw;
};

/* "20150830T123600Z": the x-amz-date that has to be sent (and signed) with it. */
#define SIGV4_DATE_SIZE 17
void sigv4_date(time_t time, char date[SIGV4_DATE_SIZE]);

/* The parts, apart for tests; both in `arena`. */
char *sigv4_canonical_request(struct arena *arena, const struct sigv4_request *request) must_check;
char *sigv4_string_to_sign(struct arena *arena, const struct sigv4_request *request) must_check;

/* The value of the Authorization header. */
char *sigv4_authorization(struct arena *arena, const struct sigv4_request *request,
			  const struct sigv4_keys *keys) must_check;

#endif
