/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FOREGROUND_H
#define RUNTIME_FOREGROUND_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/detachkeys.h"

/*
 * What a command does that stays until its process in a container has ended.
 */

/* Blocks all signals: before the start, so that none gets lost between it and the waiting. */
void foreground_prepare(void);
/* Before that: who will work at the caller's terminal waits until the caller has it to work at. A
 * shell that has put us into the background stops us here. */
void foreground_come_forward(void);

struct foreground {
	pid_t pid; /* our child */
	int pidfd;
	int master;             /* of its terminal, which is taken over; -1: none */
	int keeper;             /* the line to who has the master, too (execkeeper.h); -1: nobody */
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
/* What becomes of a signal of ours: SIGCHLD reaps, the others go to the child. */
must_check bool foreground_take_signal(const struct foreground *child, int signal,
				       struct error *err);
/* Reads what comes from the two, either of which may be -1, and forgets it: until `end`, a pidfd,
 * is readable; or, where that is -1, until nobody writes any more or so many milliseconds have
 * passed (-1: they never do). */
void foreground_read_away(int first, int second, int end, int64_t milliseconds);
/* Leaves a process behind that does so for FOREGROUND_DRAIN_SECONDS. Returns in the caller only. */
#define FOREGROUND_DRAIN_SECONDS 8
must_check bool foreground_drain(int first, int second, struct error *err);
/* Reaps every child that has ended, up to `pid`: true once that one is there. */
bool foreground_reap(pid_t pid);

#endif
