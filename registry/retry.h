/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_RETRY_H
#define REGISTRY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/http.h"

/*
 * When and how soon to try again.
 */

/* 408, 429, and what servers and what stands before them (nginx: 499, Cloudflare: 520 to 530) say
 * of troubles that pass. */
bool retry_is_worth(int status);

/* A Retry-After field, in seconds or as a date, seen at `now` (Unix time): seconds from now, at
 * most LIMIT_RETRY_AFTER_S; -1 if it says nothing. */
int retry_after_seconds(const char *field, int64_t now);

/* The same of a reply, now; -1 if it has no such field. */
int retry_asked_seconds(const struct http_response *response);

/* How long to wait before attempt number `attempt` (2 is the first repetition): doubling from
 * `first_ms`, at most LIMIT_BACK_OFF_S, times `jitter` (0 to 1) but never less than half. */
int64_t retry_delay_ms(int attempt, int first_ms, double jitter);

/* A random number for it. */
double retry_jitter(void);

#endif
