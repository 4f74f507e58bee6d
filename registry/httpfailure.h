/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_HTTPFAILURE_H
#define REGISTRY_HTTPFAILURE_H

#include <curl/curl.h>

#include "base/error.h"
#include "registry/proxy.h"

/*
 * Why an exchange failed, in the words of Go's net/http: scripts and AWS's nucleus look for them.
 * What happens on the way to a proxy begins with "proxyconnect tcp: ", as there.
 */
struct httpfailure {
	CURL *easy;
	CURLcode code;
	const char *verb;  /* "Get" */
	const char *said;  /* by curl; may be empty */
	const char *proxy; /* its URL, which no message shows; NULL: none was to be used */
	const struct proxy_dialed *dialed;
	long stall_seconds, total_seconds;
};

/* "dial tcp 127.0.0.1:5000: connect: connection refused" */
void httpfailure_words(const struct httpfailure *failure, struct error *err);
/* Puts 'Get "URL": ' in front. */
void httpfailure_place(const struct httpfailure *failure, struct error *err);

#endif
