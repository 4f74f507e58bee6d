/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FINISH_H
#define RUNTIME_FINISH_H

#include <limits.h>

#include "runtime/init.h"

/*
 * The last part of init, and of what joins a container: giving up what makes us special, in the
 * order in which it can be given up.
 */
struct finish {
	struct init_plan *plan;
	int cwd;               /* opened below the root before it is protected */
	int slave;             /* the terminal; -1 */
	uint64_t capabilities; /* that could be granted */
	char program[PATH_MAX];
};

/* Before anything is read-only: the working directory, standard streams that are the host's null
 * device. */
must_check bool finish_prepare(struct finish *finish, struct error *err);
/* After pivot: user, limits, capabilities, filter; finds the program. */
must_check bool finish_become(struct finish *finish, enum container_fault *fault,
			      struct error *err);
/* Waits for `start` if there is one, then executes the program: returns only failures. */
must_check bool finish_execute(struct finish *finish, enum container_fault *fault,
			       struct error *err);

/* Those of the config, for the process `pid`; 0 is this one. */
must_check bool finish_set_rlimits(pid_t pid, const struct spec_process *process,
				   struct error *err);

#endif
