/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_POLICY_H
#define ENGINE_POLICY_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/status.h"

/*
 * Restart policies: "no", "always", "unless-stopped", "on-failure[:N]". What a container is to do
 * is in its options; what its monitor is to do now is in the file CONTAINER_RESTART, which the
 * monitor reads at every end (docs/architecture.md):
 *
 *     always\n             the policy; written by every start
 *     no\nuser\n           stopped by docker stop or kill
 *     no\nshutdown\n       stopped because the machine goes down
 *
 * A container that never had a policy has no such file.
 */

enum policy_cause {
	POLICY_USER,
	POLICY_SHUTDOWN,
};

/* Docker's grammar and words. "" is "no". policy_check_form looks only at what docker's client
 * looks at, policy_check at all. */
must_check bool policy_check_form(const char *policy, struct error *err);
must_check bool policy_check(const char *policy, struct error *err);
/* "on-failure:3": "on-failure" and 3. `name` has room for POLICY_NAME_MAX bytes. */
#define POLICY_NAME_MAX 24
void policy_split(const char *policy, char name[POLICY_NAME_MAX], int64_t *retries);

/* A start: the monitor is to follow the policy. `dir` is the container's directory. */
must_check bool policy_arm(const struct container *container, int dir, struct error *err);
/* No restart after the next end, nor the one that is due. Before the signal is sent, not after. */
must_check bool policy_cancel(const struct engine *engine, const char *id, enum policy_cause cause,
			      struct error *err);
/* docker update --restart: from now on, for a running container too. */
must_check bool policy_change(struct engine *engine, const char *id, const char *policy,
			      struct error *err);

/* Whether the container is to be started when the machine is. */
bool policy_starts_at_boot(const struct engine *engine, const struct container *container,
			   const struct status *status);

#endif
