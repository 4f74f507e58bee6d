/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TTYRELAY_H
#define RUNTIME_TTYRELAY_H

#include "runtime/container.h"

/*
 * Foreground `run` of a container with a terminal: our stdin and stdout and the container's master
 * are one. All signals are blocked in the caller; they go to the container. Ends when init does;
 * *status is as from waitpid.
 */
must_check bool ttyrelay_run(int master, struct container *container, int *status,
			     struct error *err);

#endif
