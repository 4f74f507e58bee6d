/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPCCLIENT_H
#define LIFECYCLE_IPCCLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

/*
 * A command line that speaks to the nucleus on this machine: Greengrass IPC, one operation after
 * another, with the token that root finds in ROOT/cli_ipc_info.
 */

#define IPCCLIENT_MESSAGE_MAX (4 * 1024 * 1024)

struct ipcclient {
	int fd; /* -1: not open */
	int32_t stream;
	struct buf in;
};

/* ERROR_NOT_FOUND if no nucleus runs there. */
must_check bool ipcclient_open(struct ipcclient *caller, const char *root, struct error *err);
void ipcclient_close(struct ipcclient *caller);

/* Asks for "aws.greengrass#OPERATION" and waits for the answer, in `arena`. An error of the nucleus
 * is ours: its text, and the kind that its shape means. */
must_check bool ipcclient_call(struct ipcclient *caller, const char *operation, const char *request,
			       struct arena *arena, const struct json **answer, struct error *err);

/* The next event of the last operation, a subscription. */
must_check bool ipcclient_next(struct ipcclient *caller, struct arena *arena,
			       const struct json **event, struct error *err);

#endif
