/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_HOSTMOUNT_H
#define RUNTIME_HOSTMOUNT_H

#include "runtime/init.h"
#include "runtime/spawn.h"
#include "runtime/sync.h"

/*
 * What init cannot do for its mounts, done for it outside: opening sources that are closed to the
 * user namespace, and mapping the ids of mounts.
 */

/* Answers init until its mounts are made; at once where the config needs no help. */
must_check bool hostmount_help(const struct init_plan *plan, const struct spawned *spawned,
			       enum container_fault *fault, struct error *err);
/* Answers one SYNC_OPEN or SYNC_IDMAP, and closes what came with it: of mounts on cgroups, which
 * are made later. */
must_check bool hostmount_answer(const struct init_plan *plan, const struct spawned *spawned,
				 struct sync_message *message, struct error *err);

#endif
