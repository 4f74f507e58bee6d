/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ATTACHMENT_H
#define ENGINE_ATTACHMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "engine/bag.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/hub.h"

/*
 * A container and its networks, from its start to its end.
 *
 *	attachment_lease   in the host's namespace: bridges, addresses, ports; all that can be
 *	                   refused
 *	attachment_plug    in the container's: links, addresses, routes
 *
 * What outlives the container's processes is the leases; the links go with its namespace, the
 * ports with the bag.
 */
struct attachment {
	const struct engine *engine;
	const struct container *container;
	struct arena *arena;
	struct netlink host; /* rtnetlink of the host's namespace */
	struct endpoints endpoints;
	struct plug *plugs; /* one for each endpoint */
	struct hub hub;     /* without root: where bridges are */
	int names;          /* a connection to the resolver; -1: none is needed */
	struct bag bag;
	bool is_unpublished; /* endpoints.ports lead nowhere, nor are they held, since a change */
	char *warning;       /* ERROR_TEXT_MAX bytes */
};

/* Begins empty; `warning` is only written to if there is something to say. */
void attachment_init(struct attachment *attachment, const struct engine *engine,
		     const struct container *container, struct arena *arena, char *warning);
void attachment_close(struct attachment *attachment);

/* All networks of the container. */
must_check bool attachment_lease(struct attachment *attachment, struct error *err);
/* lo too. */
must_check bool attachment_plug(struct attachment *attachment, struct error *err);

/* Gives its addresses back, and takes the bridges away that nobody needs any more. From any
 * namespace. */
must_check bool attachment_release(const struct engine *engine, const struct container *container,
				   struct error *err);

/* The same for one network, whatever else the container is in. The first adds an endpoint; the
 * second is called in the container's namespace with a socket of it. */
must_check bool attachment_lease_one(struct attachment *attachment,
				     const struct container_network *wanted, struct error *err);
must_check bool attachment_plug_one(struct attachment *attachment, size_t number,
				    struct netlink *inside, int netns, struct error *err);
/* What was leased for an endpoint belongs to it. */
const struct network *attachment_network(const struct attachment *attachment, size_t number);
must_check bool attachment_release_one(const struct engine *engine, const struct network *network,
				       const char *container, struct error *err);

#endif
