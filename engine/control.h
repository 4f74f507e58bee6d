/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/status.h"

/*
 * What is done to a container from outside. Nothing here polls: a process is waited for by its
 * pidfd, a monitor by the lock it holds.
 */

/* Sends a signal to init. ERROR_NOT_FOUND if the container is not running. */
must_check bool control_signal(struct engine *engine, const char *id, int signal,
			       struct error *err);

/* Stop signal, `seconds` of patience (-1: for ever), SIGKILL. Returns when the container is gone
 * and recorded; one that is not running is success. `signal` 0: the container's own. */
must_check bool control_stop(struct engine *engine, const struct container *container, int signal,
			     int64_t seconds, struct error *err);

/* Returns when the container is not running any more (a --rm one may be removed by then). Texts of
 * *status live in `arena`. */
must_check bool control_wait(struct engine *engine, struct arena *arena, const char *id,
			     struct status *status, struct error *err);

/* Removes the container and its anonymous volumes (`with_volumes`), its process killed first if
 * `is_forced`. ERROR_EXISTS if it is running and may not be killed. */
struct removal {
	bool is_forced;
	bool with_volumes;
	int lock; /* of claim_lock, if the caller has it already; else -1 */
};
must_check bool control_remove(struct engine *engine, const struct container *container,
			       const struct removal *removal, struct error *err);

/* What the monitor executes as its last act: gives back the address, removes a --rm container. */
must_check bool control_clean_up(struct engine *engine, const char *id, struct error *err);

#endif
