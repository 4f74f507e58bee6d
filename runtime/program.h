/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_PROGRAM_H
#define RUNTIME_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "runtime/container.h"
#include "runtime/spec.h"

/*
 * The user's program, looked up inside the container as the container's user. The texts are those
 * that docker and podman tell 126 from 127 by.
 */

must_check bool program_find(const struct spec_process *process, char path[PATH_MAX],
			     enum container_fault *fault, struct error *err);

/* Of a variable that is there twice the last value counts. HOME comes from the container's
 * /etc/passwd ("/" if the user is not there), unless it is set. */
void program_complete_env(struct arena *arena, struct spec_process *process);

#endif
