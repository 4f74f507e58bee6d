/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WRECK_H
#define ENGINE_WRECK_H

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"

/* A container whose options cannot be read any more, as far as it takes to remove it: its name by
 * the link to it, and every network, since it may be in any of them. container_done it; texts live
 * in `arena`. */
must_check bool wreck_read(const struct engine *engine, struct arena *arena, const char *id,
			   struct container *container, struct error *err);

#endif
