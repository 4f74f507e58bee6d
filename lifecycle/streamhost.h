/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAMHOST_H
#define LIFECYCLE_STREAMHOST_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"
#include "lifecycle/configstore.h"
#include "lifecycle/journal.h"
#include "lifecycle/unit.h"

/*
 * The stream manager's place in the nucleus: mooring-streams is started while a component needs
 * aws.greengrass.StreamManager, and what it may not do itself is done for it here
 * (docs/architecture.md).
 */

#define STREAMHOST_COMPONENT   "aws.greengrass.StreamManager"
#define STREAMHOST_FETCHES_MAX 4 /* that have not ended yet */

struct nucleus;

struct streamhost {
	struct nucleus *nucleus;
	pid_t pid; /* 0: it does not run */
	pid_t fetches[STREAMHOST_FETCHES_MAX];
	struct loop_watch link;   /* fd -1: it does not run */
	struct loop_watch output; /* what it says */
	struct loop_timer again;  /* when to start it once more */
	struct journal journal;
	char line[1024];
	size_t line_length;
	int64_t failures; /* in a row */
	bool is_ready;
	bool is_waiting; /* `again` runs */
	bool is_changed; /* it is to begin anew, with another configuration */
	struct configstore_subscription changes;
};

void streamhost_open(struct streamhost *host, struct nucleus *nucleus);
void streamhost_close(struct streamhost *host);

/* Starts or stops it, as the components want. Call it after every step of the loop. */
void streamhost_advance(struct streamhost *host);

/* To be called at SIGCHLD. */
void streamhost_look(struct streamhost *host);

/* False: whoever needs it must wait. */
bool streamhost_is_ready(const struct streamhost *host);

#endif
