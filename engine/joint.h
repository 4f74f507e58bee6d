/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_JOINT_H
#define ENGINE_JOINT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * What a container has in common with another that runs: --pid container:X, --ipc container:X.
 */
struct joint {
	const char *pid_namespace, *ipc_namespace; /* paths in `arena`; NULL: its own */
	const char *shm; /* where X's /dev/shm has been mounted; NULL: its own */
};

/* `directory` is the container's own; X's shared memory is mounted at its entry `shm`, in the mount
 * namespace that we are in. Fails in docker's words if X does not run, or does not share. */
must_check bool joint_make(const struct engine *engine, struct arena *arena,
			   const struct container *container, const char *directory,
			   struct joint *joint, struct error *err);

#endif
