/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FOREGROUND_H
#define RUNTIME_FOREGROUND_H

#include <sys/types.h>

#include "base/error.h"

/*
 * What a command does that stays until its process in a container has ended.
 */

/* Blocks all signals: before the start, so that none gets lost between it and the waiting. */
void foreground_prepare(void);

struct foreground {
	pid_t pid; /* our child */
	int pidfd;
	int master;         /* of its terminal; -1: none */
	int notify_socket;  /* where it says that it is ready; -1: nobody wants to know */
	const char *notify; /* the manager who does */
};

/* Until the child has ended: every signal of ours but a child's end goes to it, orphans it left us
 * are reaped, with a terminal our stdin and stdout are that, and what it says goes to its manager.
 * The child itself is left to be reaped. */
must_check bool foreground_wait(const struct foreground *child, struct error *err);
/* Reaps every child that has ended, up to `pid`: true once that one is there. */
bool foreground_reap(pid_t pid);

#endif
