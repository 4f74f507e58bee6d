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

/* On the network none: made with it, or joined it once it was in no other. */
bool connect_is_on_none(const struct container *container);

/* A network that is gone: the container, which does not run, is not asked to be in it any more.
 * One that was not, or that runs, is an error. */
must_check bool connect_forget(struct engine *engine, const struct container *container,
			       const char *network, struct error *err);

/* A container has been started again and may have another address: the hosts files of those that
 * run and link to it (linktarget.h) say so from now on. What cannot be told is logged. */
void connect_moved(const struct engine *engine, const struct container *container);

#endif
