/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HUB_H
#define ENGINE_HUB_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/bag.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/usernet.h"

/*
 * Networks for who may make no bridge on the host: one network namespace for all of a store's, in
 * which there are bridges, rules and links as there are on the host for root.
 *
 *	container eth0 ═══ veth ─ br-… ─ (nat) ─ tap0 10.0.2.100 ── slirp4netns ── sockets of the
 *	user
 *
 * It is there from the first container in a network to the last, and so is its one
 * slirp4netns: that reads from a FIFO (RUN/networks/hub/life) which the bag of each container keeps
 * open for writing, so it ends with the last of them, however that ends.
 */
struct hub {
	int lock;             /* of the store's hub; -1: we are in none */
	int space;            /* the namespace, if there is one already */
	int life;             /* the FIFO's writing end */
	struct bag listeners; /* of the host's, see proxied.h */
};

#define HUB_NONE                                                                                   \
	(struct hub)                                                                               \
	{                                                                                          \
		.lock = -1, .space = -1, .life = -1, .listeners = BAG_EMPTY                        \
	}

/* Whether this store has had one since its run directory was made: all names are asked there. */
bool hub_has_been(const struct engine *engine);

/* In the host's namespace: chooses the host's ports, finds the hub or makes it, and goes into it
 * for good. Others wait until hub_close. */
must_check bool hub_enter(struct hub *hub, const struct engine *engine,
			  const struct container *container, struct arena *arena,
			  struct endpoints *endpoints, struct bag *bag, struct error *err);
/* In it: has slirp4netns listen for endpoints->ports, and mooring-portproxy with `listeners`.
 * *inside are the ports that lead here, for publish_translate. What is listened for ends with
 * hub_unpublish and the bag, or with the hub. */
must_check bool hub_publish(const struct engine *engine, const struct container *container,
			    struct arena *arena, const struct endpoints *endpoints,
			    const struct bag *listeners, struct endpoints *inside, struct bag *bag,
			    struct error *err);
/* The same for what a container that runs has published before. */
must_check bool hub_find_published(const struct engine *engine, const struct container *container,
				   struct arena *arena, const struct endpoints *endpoints,
				   struct endpoints *inside, struct error *err);
void hub_close(struct hub *hub);

/* From any namespace, and also for a container that was in no hub. */
void hub_unpublish(const struct engine *engine, const char *container);

/* False, too, if all that kept it have been killed. */
bool hub_is_there(const struct engine *engine);
/* Does something in the hub, in a process of its own; nothing if there is no hub. */
must_check bool hub_call(const struct engine *engine, bool (*act)(void *context, struct error *err),
			 void *context, struct error *err);

#endif
