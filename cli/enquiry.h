/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ENQUIRY_H
#define CLI_ENQUIRY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/credentials.h"

/*
 * Small questions to a registry. mooring-fetch does the asking: it alone talks to the network. The
 * contract with it is in docs/architecture.md: requests on its descriptor 3, settings on 5, one
 * JSON object per packet.
 */
struct enquiry {
	int control;
	struct proc proc;
};

/* Starts mooring-fetch with these credentials. */
must_check bool enquiry_open(const struct credentials *credentials, struct enquiry *enquiry,
			     struct error *err);
/* Sends one request, and waits for its reply, which lives in `arena`. Fails as the reply says. The
 * body goes to `to`, the caller's, where nobody reads meanwhile: a file or /dev/null. */
must_check bool enquiry_ask(const struct enquiry *enquiry, const char *packet, int to,
			    struct arena *arena, const struct json **reply, struct error *err);
/* Ends what enquiry_open started. */
must_check bool enquiry_close(struct enquiry *enquiry, struct error *err);

#endif
