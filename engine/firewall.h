/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FIREWALL_H
#define ENGINE_FIREWALL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "engine/engine.h"
#include "engine/network.h"

/*
 * What may pass between a network's bridge and the rest of the world: one set of rules of
 * our own for each bridge and family, "mooring-BRIDGE" (rules.h), so that nobody else's are
 * touched.
 *
 * Out: everything, with the address of the link it leaves by. In: answers, and what was published;
 * where the network is unprotected, everything. A routed one's packets leave as they are.
 * So networks do not reach each other, nor does a neighbour of this machine reach a container by
 * its address. A network that is internal has neither in nor out; one that is isolated does not
 * reach the host either, by whatever address.
 */
/* The bit in the mark of packets to what a container of a routed network publishes, from
 * PREROUTING to POSTROUTING: publish.c gives it, and takes it away again. */
#define FIREWALL_MARK 0x20000000U

struct firewall {
	const struct engine *engine;
	const char *bridge;
	struct ipnet subnet;
	bool is_internal;
	enum network_mode mode;
	struct ipaddr source;       /* with which packets leave the machine; family 0: the link's */
	bool is_without_masquerade; /* com.docker.network.bridge.enable_ip_masquerade=false */
	bool is_without_icc;        /* com.docker.network.bridge.enable_icc=false */
};

/* What is there already stays; a firewall that is loaded anew may have flushed it. Fails with
 * ERROR_UNSUPPORTED where the kernel has neither nf_tables nor xtables, or lacks a part of both. */
must_check bool firewall_set_up(const struct firewall *firewall, struct error *err);
/* Where the firewall of somebody else forwards nothing, it is told to forward the bridge's packets:
 * see passage.h and xtables.h. */
must_check bool firewall_pass_others(const struct firewall *firewall, struct error *err);
/* Before the machine begins to forward packets of this family: see passage_shut. */
must_check bool firewall_shut(int family, struct error *err);
/* Removes all of it, of both families; what is missing is success. */
must_check bool firewall_remove(const struct engine *engine, const char *bridge, struct error *err);

#endif
