/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CREDENTIALS_UPSTREAM_H
#define LIFECYCLE_CREDENTIALS_UPSTREAM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/loop.h"
#include "lifecycle/credentials/exchange.h"

/*
 * One request to the IoT credentials provider (GET /role-aliases/ALIAS/credentials with the thing's
 * certificate), made by mooring-fetch, so that nobody who runs as root talks to the network.
 */

struct upstream;

/* What came of it. Texts live for the call. */
struct upstream_answer {
	int status;       /* 0: there was no answer */
	const char *text; /* the body, or why there was none */
};

/* Begins it; on_answer is called once, from the loop, unless upstream_cancel comes first. */
must_check bool upstream_start(struct upstream **upstream, const struct exchange_options *options,
			       void (*on_answer)(void *context,
						 const struct upstream_answer *answer),
			       void *context, struct error *err);
/* NULL: nothing happens. Not from within on_answer. */
void upstream_cancel(struct upstream *upstream);

#endif
