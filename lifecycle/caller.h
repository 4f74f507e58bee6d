/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CALLER_H
#define LIFECYCLE_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

/*
 * A command line that speaks to the nucleus on this machine: Greengrass IPC, one operation after
 * another, with the token that root finds in ROOT/cli_ipc_info.
 */

#define CALLER_MESSAGE_MAX (4 * 1024 * 1024)

struct caller {
	int fd; /* -1: not open */
	int32_t stream;
	struct buf in;
};

/* ERROR_NOT_FOUND if no nucleus runs there. */
must_check bool caller_open(struct caller *caller, const char *root, struct error *err);
void caller_close(struct caller *caller);

/* Asks for "aws.greengrass#OPERATION" and waits for the answer, in `arena`. An error of the nucleus
 * is ours: its text, and the kind that its shape means. */
must_check bool caller_call(struct caller *caller, const char *operation, const char *request,
			    struct arena *arena, const struct json **answer, struct error *err);

/* The next event of the last operation, a subscription. */
must_check bool caller_next(struct caller *caller, struct arena *arena, const struct json **event,
			    struct error *err);

#endif
