/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STALE_H
#define ENGINE_STALE_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"

/* A monitor that was killed leaves the runtime's state, the cgroup and perhaps processes: has the
 * runtime remove them. Hold the container's lock. Cheap where there is nothing. */
must_check bool stale_remove(const struct engine *engine, const char *id, struct error *err);

#endif
