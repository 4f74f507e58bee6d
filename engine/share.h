/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SHARE_H
#define ENGINE_SHARE_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"

/* The namespace ("net", "ipc", "pid": names below /proc/PID/ns) of another container that runs, to
 * join it: --network container:ID. *fd is the caller's. */
must_check bool share_open(const struct engine *engine, const char *container, const char *kind,
			   int *fd, struct error *err);

#endif
