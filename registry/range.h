/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_RANGE_H
#define REGISTRY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/http.h"

/*
 * Which part of a body a reply brings.
 */
struct range {
	int64_t whole; /* size of the whole body; -1: not said */
	int64_t skip;  /* bytes of this reply that we have already */
	bool is_coded; /* it has a Content-Encoding */
};

/* Reads the head of a 200 or 206 that answers "from `position` to before `end`" (-1: to the body's
 * end). On failure the result says why, else it is NULL: only a 206 that is exactly so, or where
 * everything is wanted a 200 with everything, is of use. */
const char *range_read(const struct http_response *response, int64_t position, int64_t end,
		       struct range *range);

#endif
