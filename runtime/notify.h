/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_NOTIFY_H
#define RUNTIME_NOTIFY_H

#include "runtime/seccomp.h"
#include "runtime/state.h"

/*
 * Gives the listener of a process's filter to the agent that the profile names, with the container
 * process state of the runtime-spec as JSON. An agent that does not take it in time is a failure.
 */

must_check bool notify_agent(const struct seccomp_filter *filter, const struct state *state,
			     pid_t pid, int listener, struct error *err);

#endif
