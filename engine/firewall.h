/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FIREWALL_H
#define ENGINE_FIREWALL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/ipaddr.h"

/*
 * What may pass between a network's bridge and the rest of the world: one nf_tables table of our
 * own for each bridge and family, "mooring-BRIDGE", so that nobody else's rules are touched.
 *
 * Out: everything, with the address of the link it leaves by. In: answers, and what was published.
 * So networks do not reach each other, nor does a neighbour of this machine reach a container by
 * its address. A network that is internal has neither in nor out.
 */
struct firewall {
	const char *bridge;
	struct ipnet subnet;
	bool is_internal;
	bool is_without_masquerade; /* com.docker.network.bridge.enable_ip_masquerade=false */
	bool is_without_icc;        /* com.docker.network.bridge.enable_icc=false */
};

/* Setting it up again changes nothing. Fails with ERROR_UNSUPPORTED where the kernel lacks
 * nf_tables or a part of it. */
must_check bool firewall_set_up(const struct firewall *firewall, struct error *err);
/* Where the firewall of somebody else forwards nothing, it is told to forward the bridge's packets:
 * see passage.h. */
must_check bool firewall_pass_others(const struct firewall *firewall, struct error *err);
/* Removes the tables of both families; missing ones are success. */
must_check bool firewall_remove(const char *bridge, struct error *err);
/* Whether the bridge's table is there: a firewall that is loaded anew may have flushed it. */
bool firewall_is_there(const char *bridge, int family);

#endif
