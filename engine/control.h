/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/policy.h"
#include "engine/status.h"

/*
 * What is done to a container from outside. Nothing here polls: a process is waited for by its
 * pidfd, a monitor by the lock it holds.
 */

/* docker kill: sends a signal to init; one that is meant to end it cancels the restart policy.
 * ERROR_NOT_FOUND if the container is not running. */
must_check bool control_kill(struct engine *engine, const struct container *container, int signal,
			     struct error *err);

/* Stop signal, `seconds` of patience (-1: for ever), SIGKILL. Returns when the container is gone
 * and recorded; one that is not running is success. `signal` 0: the container's own. */
struct stopping {
	int signal;
	int64_t seconds;
	enum policy_cause cause; /* who does not want it to be started again */
};
must_check bool control_stop(struct engine *engine, const struct container *container,
			     const struct stopping *stopping, struct error *err);
/* The patience that the container itself asks for, else docker's. */
int64_t control_stop_seconds(const struct container *container);

/* docker pause, unpause: freezes all its processes; lets them go on. ERROR_NOT_FOUND if it does not
 * run, ERROR_EXISTS if it is so already. */
must_check bool control_pause(struct engine *engine, const struct container *container,
			      struct error *err);
must_check bool control_unpause(struct engine *engine, const struct container *container,
				struct error *err);

/* Waits for another command's start of the container, if there is one: after it the container runs,
 * or that start has failed. ERROR_EXISTS if it does not get on. */
must_check bool control_await_start(const struct engine *engine, const char *id, struct error *err);

/* Returns at the container's next end, though it may be restarted or removed after it; at once if
 * it has never been started. Texts of *status live in `arena`. ERROR_NOT_FOUND if it was removed
 * before it could be waited for. */
must_check bool control_wait(struct engine *engine, struct arena *arena, const char *id,
			     struct status *status, struct error *err);

/* Removes the container and its anonymous volumes (`with_volumes`), its process killed first if
 * `is_forced`: then it is success, too, if another one removes it meanwhile. ERROR_EXISTS if it is
 * running and may not be killed. */
struct removal {
	bool is_forced;
	bool with_volumes;
	int lock; /* of claim_lock, if the caller has it already; else -1 */
};
must_check bool control_remove(struct engine *engine, const struct container *container,
			       const struct removal *removal, struct error *err);

/* With its lock held, as soon as the processes of a container with --rm are gone, while its monitor
 * still cleans up: what can be told beforehand to be little and of no use to anybody. The rest is
 * control_remove_ended's. */
void control_begin_removal(const struct engine *engine, const struct container *container);

/* At the end of a container, or when it could not be started, with its lock held: one with --rm is
 * removed, unless somebody is about to start it again; what another had is given back. */
must_check bool control_remove_ended(struct engine *engine, const struct container *container,
				     int lock, struct error *err);

/* What the monitor executes as its last act: gives back the address, removes a --rm container. */
must_check bool control_clean_up(struct engine *engine, const char *id, struct error *err);

#endif
