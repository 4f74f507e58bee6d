/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NAMES_H
#define ENGINE_NAMES_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/bag.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/engine.h"

/*
 * Names in user networks: telling the store's resolver (mooring-resolver) who is where. It starts
 * with the first container that needs it and ends with the last.
 *
 * A container's part of it is a connection to the resolver, which its monitor keeps: when that is
 * closed, the resolver forgets the container, kill -9 or not.
 */

/* In the host's namespaces: a connection to the resolver, which is started if it is not there, and
 * then told of all containers that run (the one before it may have been killed). Nothing
 * (*connection -1) for containers that are in no network with names. */
must_check bool names_open(const struct engine *engine, const struct endpoints *endpoints,
			   int *connection, struct error *err);

/* In the container's network namespace: opens its 127.0.0.11, hands it to the resolver with what
 * there is to know of the container, and puts the connection into the bag. */
must_check bool names_register(const struct engine *engine, const struct container *container,
			       const struct endpoints *endpoints, int *connection, struct bag *bag,
			       struct error *err);

/* A container that runs is in other networks than before, or has another name. */
must_check bool names_change(const struct engine *engine, const struct container *container,
			     const struct endpoints *endpoints, struct error *err);

/* Where the resolver has been killed, and containers that run need it: starts it again for them;
 * where nobody needs it, removes its socket. Costs a few system calls where nothing is to be done.
 * In the host's namespaces. */
void names_revive(const struct engine *engine);

#endif
