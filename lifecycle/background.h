/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_BACKGROUND_H
#define LIFECYCLE_BACKGROUND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"

/*
 * Work that waits (for the network, for a disk) in a child process, so that the loop goes on. The
 * child is a fork: it sees what the caller has prepared, and nothing that it changes comes back but
 * success or an error. Memory that it needs is gone with it.
 */

struct background {
	struct loop *loop;
	struct loop_watch watch; /* the result's pipe */
	pid_t pid;               /* 0: nothing is at work */
	void (*on_done)(void *context, bool is_good, const struct error *err);
	void *context;
};

/*
 * Runs `work` in the child. It keeps the descriptors 0 to 2 and `stop_fd`, a signalfd that becomes
 * readable when it is to give up (background_stop, or our death); all others are closed.
 */
must_check bool background_start(struct background *background, int stop_fd,
				 bool (*work)(void *context, struct error *err), struct error *err);

/* Asks it to give up; on_done comes as it would. Nothing at work: nothing happens. */
void background_stop(struct background *background);

/* Ends it, without on_done. */
void background_abandon(struct background *background);

#endif
