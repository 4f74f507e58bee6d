/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DOOR_H
#define ENGINE_DOOR_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"

/*
 * The door of a running container: RUN/attach/ID, a socket on which its monitor hears those who
 * attach later. The directory is root's alone; whoever may open it owns the container anyway.
 */

/* For the monitor: listens, in place of one that a dead monitor left. */
must_check bool door_open(const struct engine *engine, const char *id, int *door,
			  struct error *err);
/* For who attaches. ERROR_NOT_FOUND if nobody listens. */
must_check bool door_knock(const struct engine *engine, const char *id, int *client,
			   struct error *err);
/* The container has ended or goes away. */
void door_remove(const struct engine *engine, const char *id);

#endif
