/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ENDPOINT_H
#define ENGINE_ENDPOINT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/ident.h"
#include "engine/link.h"
#include "engine/network.h"
#include "engine/port.h"

/*
 * What a running container was given: its place in each network, its published ports. Written to
 * its directory (CONTAINER_NETWORK) at each start, and by connect and disconnect; it means nothing
 * once the container has ended.
 */

#define ENDPOINTS_MAX 64
#define PUBLISHED_MAX 4096

struct endpoint {
	const char *network, *network_id;
	char id[IDENT_LENGTH + 1];
	char inside[IFNAMSIZ];
	char outside[IFNAMSIZ]; /* its link's names: eth0, veth…; "": a share of a device */
	unsigned char mac[LINK_MAC_SIZE];
	struct ipnet addresses[NETWORK_FAMILIES]; /* family 0: none */
	struct ipaddr gateways[NETWORK_FAMILIES];
	struct texts aliases; /* --network-alias */
	struct texts links;   /* --link, of a network whose members have names */
	struct texts link_local;
	int64_t gw_priority;
	bool is_internal;
	bool has_names; /* of a network whose members know each other by name */
};

struct published {
	enum port_protocol protocol;
	uint16_t inside, outside;
	struct ipaddr address; /* the host's; 0.0.0.0 and :: for all of a family */
			       /* outside 0: by the container's own address, which is routed */
};

struct endpoints {
	struct endpoint *items;
	size_t count;
	struct published *ports; /* sorted by port and protocol inside */
	size_t port_count;
};

/* False if there is no (readable) record: then it has been given nothing. Without its monitor a
 * container has no ports any more. Texts live in `arena`. */
bool endpoints_read(const struct engine *engine, struct arena *arena, const char *container,
		    struct endpoints *endpoints);
/* The same without ports that lead nowhere, though they are still reserved: the way out is a share
 * of a device. */
bool endpoints_read_open(const struct engine *engine, struct arena *arena, const char *container,
			 struct endpoints *endpoints);
/* `dir` is the container's directory. What has nothing has no record. */
must_check bool endpoints_write(const struct endpoints *endpoints, int dir, struct error *err);

/* The endpoint by which the world is reached: its gateway is the default route, and ports are
 * published through it. Of those that lead outward it is the one of the highest priority, of equals
 * the first by its network's name. NULL: none. */
const struct endpoint *endpoints_outward(const struct endpoints *endpoints);

/* The same, if ports can be published by it: not by a share of one of the host's devices, whose
 * packets the host does not see. */
const struct endpoint *endpoints_publishing(const struct endpoints *endpoints);

#endif
