/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_HTTPFAILURE_H
#define REGISTRY_HTTPFAILURE_H

#include <curl/curl.h>

#include "base/error.h"

/*
 * Why an exchange failed, in the words of Go's net/http: scripts and AWS's nucleus look for them.
 */
struct httpfailure {
	CURL *easy;
	CURLcode code;
	const char *verb; /* "Get" */
	const char *said; /* by curl; may be empty */
	long stall_seconds, total_seconds;
};

/* "dial tcp 127.0.0.1:5000: connect: connection refused" */
void httpfailure_words(const struct httpfailure *failure, struct error *err);
/* Puts 'Get "URL": ' in front. */
void httpfailure_place(const struct httpfailure *failure, struct error *err);

#endif
