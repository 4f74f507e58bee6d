/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_IPAM_H
#define ENGINE_IPAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/netdefaults.h"
#include "engine/network.h"

/*
 * Which subnet a network has. Docker's pools, passing over what a route of the host leads to or
 * another network has: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and on, or what
 * daemon.json has as default-address-pools. For IPv6, where that names none, a subnet of its own
 * below fd00::/8 (RFC 4193).
 */

/* Checks the subnets, gateways and ranges that were asked for and chooses the rest. `others` are
 * all networks there are. ERROR_EXISTS if it overlaps one or nothing is left. */
must_check bool ipam_complete(struct network *network, const struct network *others, size_t count,
			      struct error *err);

/* The default network's subnets: its bridge's, if that is there (`is_outdated`: and has others than
 * daemon.json says), else those that daemon.json says. */
void ipam_find_default(const struct engine *engine, const struct netdefaults *defaults,
		       struct network *network);
/* Subnets for a default network that has no bridge yet. */
must_check bool ipam_choose_default(const struct engine *engine, struct network *network,
				    struct error *err);

/* An address that may be given to a container: in the subnet, neither its first nor (IPv4) its
 * last, nor the gateway's, nor reserved. */
bool ipam_is_usable(const struct network *network, enum network_family family,
		    const struct ipaddr *address);

#endif
