/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONNECT_H
#define ENGINE_CONNECT_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/network.h"

/*
 * docker network connect and disconnect: what a container is asked to be in from now on, and if it
 * runs, is in at once.
 */

/* `warning` (ERROR_TEXT_MAX bytes) is only written to if there is something to say. */
must_check bool connect_network(struct engine *engine, const struct container *container,
				const struct container_network *wanted, char *warning,
				struct error *err);

must_check bool connect_end(struct engine *engine, const struct container *container,
			    const struct network *network, struct error *err);

#endif
