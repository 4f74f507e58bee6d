/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PUBLISH_H
#define ENGINE_PUBLISH_H

#include <net/if.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/bag.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/network.h"

/*
 * Published ports. Nothing listens and nothing copies: the kernel translates addresses, and a bound
 * socket keeps each port from everybody else. Both last exactly as long as the bag: the rules are
 * in a table of nf_tables that belongs to a netlink socket (NFT_TABLE_F_OWNER, Linux 5.12), which
 * goes with it, kill -9 included, and which no `nft flush ruleset` of others takes away. Where
 * rules are iptables' (rules.h) the container's end takes them away, or else who next needs rules.
 */

/* Whether container->publish or container->publishes_all ask for anything. */
bool publish_is_wanted(const struct container *container);

/* In the host's namespace: chooses and reserves the host's ports for what container->publish and
 * container->publishes_all ask for. Docker's words for a port in use. */
must_check bool publish_reserve(const struct engine *engine, const struct container *container,
				struct arena *arena, struct bag *bag, struct endpoints *endpoints,
				struct error *err);

struct publish_way {
	const struct endpoint *outward; /* NULL: none leads to the container any more */
	char bridge[IFNAMSIZ];          /* of its network */
	/* What is published is all that leads in from beyond the bridge. */
	bool is_closed[NETWORK_FAMILIES];
};

/* By `outward`, which is in `network`. */
void publish_find_way(const struct engine *engine, const struct endpoint *outward,
		      const struct network *network, struct publish_way *way);

/* In the host's namespace: the rules that lead to the container by that way. With a sealed bag, a
 * running container's (keeper.h): instead of those before. */
must_check bool publish_translate(const struct engine *engine, const struct container *container,
				  const struct endpoints *endpoints, const struct publish_way *way,
				  struct bag *bag, struct error *err);
/* The end of rules that do not end with the bag. */
must_check bool publish_end(const struct engine *engine, const struct container *container,
			    struct error *err);

#endif
