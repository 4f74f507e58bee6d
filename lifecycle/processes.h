/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PROCESSES_H
#define LIFECYCLE_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "lifecycle/slice.h"

/*
 * The processes of a script: its leader, the leader's descendants, and all of the leader's session
 * (what was put into the background and lost its parent). A container started by the script is none
 * of them: its monitor has a session and a parent of its own.
 */

/* Sends `signal` (0: only count) to every living one; returns how many there were. The leader must
 * not have been reaped, so that its number still is what we mean. */
size_t processes_signal(pid_t leader, int signal);

/* Moves them into the control groups. */
must_check bool processes_move(pid_t leader, const struct slice *slice, struct error *err);

/* processes_signal for what a supervisor that died left behind: processes whose environment holds
 * `mark`
 * ("NAME=value"), in one of `sessions` or in one whose leader is gone. The mark tells them from a
 * later session of the same number; a leader that lives and is none of ours is a daemon's or a
 * container's monitor, which are meant to stay. */
size_t processes_signal_orphans(const pid_t *sessions, size_t count, const char *mark, int signal);

#endif
