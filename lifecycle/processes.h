/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PROCESSES_H
#define LIFECYCLE_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The processes of a script: its leader, the leader's descendants, and all of the leader's session
 * (what was put into the background and lost its parent). A container started by the script is none
 * of them: its monitor has a session and a parent of its own.
 */

/* Sends `signal` (0: only count) to every living one; returns how many there were. The leader must
 * not have been reaped, so that its number still is what we mean. */
size_t processes_signal(pid_t leader, int signal);

/* The same for a script whose supervisor died: members of the session `leader` whose environment
 * holds `mark` ("NAME=value"), which tells them from a later session of the same number. */
size_t processes_signal_orphans(pid_t leader, const char *mark, int signal);

#endif
