/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_EXECKEEPER_H
#define RUNTIME_EXECKEEPER_H

#include "runtime/exec.h"

/*
 * The parent of a program that docker exec has started and may not see the end of: detached, or at
 * a terminal that can be left, closed or killed. As pid 1 of the container's namespace ends only
 * after all processes in it have been reaped, the program needs a parent that does so, and ours may
 * have none above us: the first process of a build's pod is often `sleep`. So a child of ours,
 * which has left us, starts the program and stays until its end.
 */

struct execkeeper_order {
	const struct exec_options *options;
	const char *journal, *exec_id; /* where the end is told, and as whose; NULL: it is not */
};

/*
 * As exec_start, but that the program is the keeper's child. *line leads to the keeper, -1 if the
 * program is detached: once it is shut down (at our end, too) the terminal hangs up, unless
 * execkeeper_leave came before.
 */
must_check bool execkeeper_start(const struct execkeeper_order *order, struct executed *executed,
				 int *line, enum container_fault *fault, struct error *err);
/* The program goes on at its terminal, without us. */
void execkeeper_leave(int line);
/* Waits for the program's end. */
must_check bool execkeeper_await(int line, int *status, struct error *err);

#endif
