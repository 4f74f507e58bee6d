/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_SOURCE_H
#define REGISTRY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "registry/http.h"

/*
 * Where a transfer's bytes come from: a registry or S3. A source knows addresses, credentials and
 * what a refusal means; registry/transfer.c knows retries, redirects, ranges and limits. It asks
 * the source for one request after the other until a reply brings the body.
 */

enum source_step {
	SOURCE_PREPARE, /* the reply teaches the source something (a ping, a token) */
	SOURCE_BODY,    /* a good reply is the body */
	SOURCE_DONE,    /* there is nothing left to ask */
};

struct source_ops {
	/* The next request. Its texts live in `arena`, until the reply has been dealt with. */
	bool (*ask)(void *source, struct arena *arena, struct http_request *request,
		    enum source_step *step, struct error *err);

	/* A whole reply that is neither a body, nor a redirect to follow, nor "try later". True:
	 * ask again. False: it is final, and this is why. */
	bool (*learn)(void *source, const struct http_response *response, const char *body,
		      size_t length, struct error *err);

	/* May the request go to `url` instead? NULL: the source's redirects are its own matter. */
	bool (*may_follow)(void *source, const char *url, struct error *err);

	/* Nobody answered, or not in this protocol. True: ask again at once, in another way. NULL:
	 * no other way. */
	bool (*has_other_way)(void *source, const struct http_response *response);

	/* How many bytes of what is sent have arrived for certain. NULL: nothing is sent. */
	int64_t (*arrived)(const void *source);

	void (*free)(void *source);
};

struct source {
	const struct source_ops *ops;
	void *self;
	const char
		*noun; /* "blob sha256:…", "s3://bucket/key": for messages; lives with the source */
	const char *doubt; /* in its place, where what comes cannot be it */
};

#endif
