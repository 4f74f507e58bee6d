/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NETWORK_H
#define ENGINE_NETWORK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/engine.h"

/*
 * Networks as docker knows them: what was asked for, saved for good.
 *
 *	ROOT/networks/NAME.json     a network that somebody made
 *	RUN/networks/KEY/ADDRESS    who has the address: see lease.h
 *
 * "bridge", "host" and "none" are always there and have no file. Devices and rules exist while a
 * network has members: see bridge.h.
 */

#define NETWORK_BRIDGE   "bridge"
#define NETWORK_HOST     "host"
#define NETWORK_NONE     "none"
#define NETWORK_NO_SWARM /* what docker says of swarms on a machine that is in none */             \
	"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to " \
	"connect this node to swarm and try again."
#define NETWORK_CONTAINER "container:" /* and a container: shares that one's */

#define NETWORK_ID_LENGTH 64
#define NETWORK_SHORT_ID  12

/* Options of the driver. */
#define NETWORK_OPTION_BRIDGE     "com.docker.network.bridge.name"
#define NETWORK_OPTION_PREFIX     "com.docker.network.container_iface_prefix"
#define NETWORK_OPTION_INHIBIT    "com.docker.network.bridge.inhibit_ipv4"
#define NETWORK_OPTION_MODE_IPV4  "com.docker.network.bridge.gateway_mode_ipv4"
#define NETWORK_OPTION_MODE_IPV6  "com.docker.network.bridge.gateway_mode_ipv6"
#define NETWORK_OPTION_IPV4       "com.docker.network.enable_ipv4"
#define NETWORK_OPTION_HOST_IPV4  "com.docker.network.host_ipv4"
#define NETWORK_OPTION_HOST_IPV6  "com.docker.network.host_ipv6"
#define NETWORK_OPTION_ADVERTISED "com.docker.network.advertise_addr_nmsgs"
#define NETWORK_OPTION_BINDING    "com.docker.network.bridge.host_binding_ipv4"
#define NETWORK_OPTION_ICC        "com.docker.network.bridge.enable_icc"
#define NETWORK_OPTION_MASQUERADE "com.docker.network.bridge.enable_ip_masquerade"
#define NETWORK_OPTION_MTU        "com.docker.network.driver.mtu"

#define NETWORK_MTU_MIN           68
#define NETWORK_MTU_MAX           65535
#define NETWORK_MTU_USUAL         1500

enum network_family {
	NETWORK_IPV4,
	NETWORK_IPV6,
	NETWORK_FAMILIES,
};

struct network_pool {
	struct ipnet subnet; /* its first address; family 0: the network has none of this family */
	struct ipnet range;  /* addresses that are given out; family 0: all of the subnet */
	struct ipaddr gateway; /* the bridge's own */
	bool is_given;         /* asked for, rather than chosen by us */
};

struct network {
	const char *id, *name, *driver, *created;
	const char *device; /* of the default network: its bridge is somebody else's; "": ours */
	struct network_pool pools[NETWORK_FAMILIES];
	struct texts reserved;     /* --aux-address: "NAME=ADDRESS" */
	struct texts options;      /* the driver's: "KEY=VALUE" */
	struct texts ipam_options; /* kept, as docker's own address manager has none: "KEY=VALUE" */
	struct texts labels;
	bool is_internal;
	bool has_ipv6;
	bool is_without_ipv4;
	bool is_attachable;
	bool is_config_only;     /* nobody is on it: others are made from it */
	const char *config_from; /* the name of that one; "": none */
	bool is_predefined;
	bool is_absent;   /* daemon.json: there is no default network */
	bool is_outdated; /* the default network's bridge is not what daemon.json asks for */
};

/* By name, ID or the unique beginning of an ID. ERROR_NOT_FOUND: "network X not found". Texts and
 * lists live in `arena`. */
must_check bool network_find(const struct engine *engine, struct arena *arena, const char *text,
			     struct network *network, struct error *err);
/* All, the predefined ones among them, by name. The array lives in `arena`. */
must_check bool network_list(const struct engine *engine, struct arena *arena,
			     struct network **networks, size_t *count, struct error *err);

/* Completes what was asked for (name, driver, pools, options, labels) by an ID, the time and
 * subnets that overlap nothing, and saves it. ERROR_EXISTS for a name that is taken. */
must_check bool network_create(const struct engine *engine, struct arena *arena,
			       struct network *network, struct error *err);
/* Forgets it. The caller has seen that nobody is on it. */
must_check bool network_remove(const struct engine *engine, const struct network *network,
			       struct error *err);

/* The default network gets its subnet with its first member. Before that: the one that it would get
 * now, if there is one. */
void network_foresee(const struct engine *engine, struct network *network);

/* Not a network of its own: host, none, container:… */
bool network_is_mode(const char *name);

/* The directory of its leases: the ID, "bridge" for the default network. */
const char *network_key(const struct network *network);
/* The name of its bridge on the host. */
void network_bridge(const struct engine *engine, const struct network *network,
		    char name[IFNAMSIZ]);

/* How a bridge leads beyond itself, com.docker.network.bridge.gateway_mode_ipv4 and _ipv6. */
enum network_mode {
	NETWORK_MODE_NAT,
	NETWORK_MODE_ROUTED, /* who knows the way reaches what is published by its own address */
	NETWORK_MODE_UNPROTECTED, /* and who knows the way reaches every port of a container */
	NETWORK_MODE_ISOLATED,    /* an internal network that the host is not on either */
	NETWORK_MODE_UNKNOWN,
};
enum network_mode network_mode(const struct network *network, enum network_family family);
/* com.docker.network.host_ipv4 and _ipv6: with which address of the host's packets leave it. Family
 * 0: that of the link they leave by. */
struct ipaddr network_source(const struct network *network, enum network_family family);

/* The value of an option of the driver, NULL if it was not given. */
const char *network_option(const struct network *network, const char *key);
/* An option that is true unless it says false. */
bool network_option_is_on(const struct network *network, const char *key);
/* The host is not on it, and hears nobody who is. */
bool network_is_isolated(const struct network *network, enum network_family family);
/* The bridge has an address of its own that containers can go by. */
bool network_has_gateway(const struct network *network, enum network_family family);
/* com.docker.network.bridge.host_binding_ipv4: the host's address of ports that are published
 * without one. Family 0: all of the host's. */
struct ipaddr network_host_binding(const struct network *network);
/* com.docker.network.driver.mtu; 0: none was asked for. */
int network_mtu(const struct network *network);

#endif
