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

/* Until our child `pid` has ended: every signal of ours but a child's end goes to it, orphans it
 * left us are reaped, and with a terminal (master; -1: none) our stdin and stdout are that. The
 * child itself is left to be reaped. */
must_check bool foreground_wait(pid_t pid, int pidfd, int master, struct error *err);

#endif
