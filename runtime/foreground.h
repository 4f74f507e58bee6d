/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FOREGROUND_H
#define RUNTIME_FOREGROUND_H

#include <sys/types.h>

#include "base/error.h"
#include "runtime/detachkeys.h"

/*
 * What a command does that stays until its process in a container has ended.
 */

/* Blocks all signals: before the start, so that none gets lost between it and the waiting. */
void foreground_prepare(void);

struct foreground {
	pid_t pid; /* our child */
	int pidfd;
	int master;             /* of its terminal; -1: none */
	bool is_screen_whole;   /* what the terminal shows has its returns already */
	bool is_deaf;           /* nothing that is typed goes to its terminal */
	struct detachkeys keys; /* with which whoever types leaves; none: empty */
	int notify_socket;      /* where it says that it is ready; -1: nobody wants to know */
	const char *notify;     /* the manager who does */
};

enum foreground_end {
	FOREGROUND_OVER, /* the child has ended; it is left to be reaped */
	FOREGROUND_LEFT, /* the detach keys were typed; the terminal is still the caller's */
};

/* Until the child has ended: every signal of ours but a child's end goes to it, orphans it left us
 * are reaped, with a terminal our stdin and stdout are that, and what it says goes to its manager.
 */
must_check bool foreground_wait(const struct foreground *child, enum foreground_end *end,
				struct error *err);
/* Returns when the child has ended, which is left to be reaped; what its terminal says is lost. */
void foreground_outlast(const struct foreground *child);
/* After FOREGROUND_LEFT: leaves the caller for good and stays, so that the terminal does not hang
 * up, until the child has ended. Returns in the caller only. */
must_check bool foreground_leave(const struct foreground *child, struct error *err);
/* What becomes of a signal of ours: SIGCHLD reaps, the others go to the child. */
must_check bool foreground_take_signal(const struct foreground *child, int signal,
				       struct error *err);
/* Leaves a process behind that reads what comes from the two pipes, either of which may be -1,
 * until nobody writes to them any more. Returns in the caller only. */
must_check bool foreground_drain(int first, int second, struct error *err);
/* Reaps every child that has ended, up to `pid`: true once that one is there. */
bool foreground_reap(pid_t pid);

#endif
