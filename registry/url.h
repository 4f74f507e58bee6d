/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_URL_H
#define REGISTRY_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * URLs, taken apart by libcurl's parser, so that what we judge is what curl will connect to.
 */
struct url {
	const char *scheme; /* "http" or "https" */
	const char *host;   /* lower case; IPv6 in brackets */
	const char *port;   /* always there */
	const char *path;   /* with its leading '/', without query */
};

/* Refuses other schemes, user names inside, and more than LIMIT_URL bytes. Parts live in `arena`.
 */
must_check bool url_parse(struct arena *arena, const char *text, struct url *url,
			  struct error *err);

/* A Location, which may be relative to the URL that was asked for; checked as in url_parse. */
must_check bool url_resolve(struct arena *arena, const char *base, const char *location,
			    const char **absolute, struct error *err);

/* What the Host field says, as curl sends it: "HOST", or "HOST:PORT" where the port is not the
 * scheme's own. */
const char *url_host_field(struct arena *arena, const char *url) must_check;

bool url_is_https(const char *url);
/* Same scheme, host and port: credentials may go there. Anything unparsable is not the same. */
bool url_is_same_origin(const char *a, const char *b);

/* Percent-encodes all but RFC 3986's unreserved characters; with `keep_slash` also not '/'. */
char *url_encode(struct arena *arena, const char *text, bool keep_slash) must_check;

/* Without the query, which may hold a signature: for messages. */
char *url_shown(struct arena *arena, const char *url) must_check;

/* True for 127.0.0.0/8, ::1 and localhost. */
bool url_is_loopback_host(const char *host);
/* True for an IP literal, IPv6 with brackets or without, that is no public address: loopback,
 * private, shared (100.64.0.0/10), link-local, unspecified, or IPv6 that stands for one of these;
 * and for localhost and all names below it. */
bool url_is_private_address(const char *host);

#endif
