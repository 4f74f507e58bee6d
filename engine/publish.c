/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/publish.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/firewall.h"
#include "engine/netsysctl.h"
#include "engine/network.h"
#include "engine/rules.h"
#include "engine/xtables.h"

/*
 * The rules, in nft's language, for -p 8080:80 and a container with the address ADDRESS:
 *
 *	table ip mooring-ID {
 *		chain published {
 *			meta l4proto tcp th dport 8080 dnat to ADDRESS:80
 *		}
 *		chain prerouting {
 *			type nat hook prerouting priority dstnat;
 *			ip daddr != 127.0.0.0/8 fib daddr type local jump published
 *		}
 *		chain output {
 *			type nat hook output priority dstnat;
 *			fib daddr type local jump published
 *		}
 *		chain postrouting {
 *			type nat hook postrouting priority srcnat;
 *			ip daddr ADDRESS ct status dnat ip saddr SUBNET masquerade
 *			ip daddr ADDRESS ct status dnat ip saddr 127.0.0.0/8 masquerade
 *		}
 *		chain guard {
 *			type filter hook prerouting priority mangle;
 *			iifname "BRIDGE" ip daddr 127.0.0.0/8 drop
 *			iifname != "BRIDGE" ip daddr ADDRESS ct state established,related accept
 *			iifname != "BRIDGE" ip daddr ADDRESS drop
 *		}
 *	}
 *
 * The guard says once more what the network's firewall (firewall.c) does for this container: that
 * is anybody's to flush, and what is published must not be a way to the host's loopback, nor
 * 127.0.0.1:8080 be reached by the container's own address, once it was (CVE-2025-54388).
 *
 * Of a routed network instead: its firewall lets pass what bears the mark.
 *
 *		chain mark {
 *			type filter hook prerouting priority mangle;
 *			ip daddr ADDRESS meta l4proto tcp th dport 80 meta mark set meta mark | MARK
 *		}
 *		chain unmark {
 *			type filter hook postrouting priority mangle;
 *			ip daddr ADDRESS meta mark set meta mark & ~MARK
 *		}
 *
 * From outside nothing for 127.0.0.0/8 is translated: what is published there is for this machine
 * alone, whatever a neighbour sends. Masquerading is for who would else be answered directly by the
 * container (its neighbours on the bridge), or not at all (the host's loopback).
 *
 * In table ip6 it is "output" that leaves ::1 out: the kernel takes no answer for it from a bridge
 * (there is no route_localnet), so that whoever came by it would wait in vain. The reserved socket,
 * on which nobody listens, refuses them at once, and programs go on to 127.0.0.1.
 */

#define RULES_MAX 300 /* of one table: they have to fit into one transaction */

static const struct ipnet loopback = { { AF_INET, { 127 } }, 8 };
static const struct ipnet loopback6 = { { AF_INET6, { [15] = 1 } }, 128 };

/* How many ports from this one on are one range: each the same on both sides. */
static size_t run_length(const struct published *ports, size_t count)
{
	size_t length = 1;

	if (ports[0].inside != ports[0].outside)
		return 1;
	while (length < count && ports[length].inside == ports[0].inside + length &&
	       ports[length].outside == ports[length].inside &&
	       ports[length].protocol == ports[0].protocol &&
	       ipaddr_is_equal(&ports[length].address, &ports[0].address))
		length++;
	return length;
}

static void add_redirect(struct rules *rules, const struct published *port, size_t length,
			 const struct ipaddr *target)
{
	const struct ipaddr everywhere = { .family = port->address.family };

	rules_begin_rule(rules, "published");
	if (!ipaddr_is_equal(&port->address, &everywhere))
		rules_match_address(rules, NFT_DESTINATION, &port->address, true);
	rules_match_ports(rules, (uint8_t)port_protocol_number(port->protocol), port->outside,
			  (uint16_t)(port->outside + length - 1));
	rules_redirect(rules, target, port->inside == port->outside ? 0 : port->inside);
	rules_end_rule(rules);
}

static bool add_redirects(struct rules *rules, const struct endpoints *endpoints,
			  const struct ipaddr *target, struct error *err)
{
	autofree struct published *ports = mem_array(endpoints->port_count, sizeof(*ports));
	size_t count = 0, written = 0;

	/* Those of the family, so that ranges of it are one after the other. */
	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (endpoints->ports[i].address.family == target->family &&
		    endpoints->ports[i].outside)
			ports[count++] = endpoints->ports[i];
	}
	rules_add_chain(rules, "published", NULL);
	for (size_t at = 0; at < count;) {
		size_t length = run_length(ports + at, count - at);

		if (++written > RULES_MAX)
			return error_set(err, ERROR_INPUT,
					 "more than %d published ports that differ on both sides",
					 RULES_MAX);
		add_redirect(rules, &ports[at], length, target);
		at += length;
	}
	return true;
}

/* Ports that are reached by the container's own address. */
static bool add_marks(struct rules *rules, const struct endpoints *endpoints,
		      const struct ipaddr *target, struct error *err)
{
	static const struct nft_hook before = { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE };
	static const struct nft_hook after = { "filter", NF_INET_POST_ROUTING, NF_IP_PRI_MANGLE };
	size_t written = 0;

	for (size_t i = 0; i < endpoints->port_count; i++) {
		const struct published *port = &endpoints->ports[i];

		if (port->outside || port->address.family != target->family)
			continue;
		if (written++ == 0)
			rules_add_chain(rules, "mark", &before);
		if (written > RULES_MAX)
			return error_set(err, ERROR_INPUT, "more than %d ports that are routed",
					 RULES_MAX);
		rules_begin_rule(rules, "mark");
		rules_match_address(rules, NFT_DESTINATION, target, true);
		rules_match_ports(rules, (uint8_t)port_protocol_number(port->protocol),
				  port->inside, port->inside);
		rules_set_mark(rules, FIREWALL_MARK, true);
		rules_end_rule(rules);
	}
	if (!written)
		return true;
	rules_add_chain(rules, "unmark", &after);
	rules_begin_rule(rules, "unmark");
	rules_match_address(rules, NFT_DESTINATION, target, true);
	rules_set_mark(rules, FIREWALL_MARK, false);
	rules_end_rule(rules);
	return true;
}

static void add_jumps(struct rules *rules, int family)
{
	static const struct nft_hook before = { "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST };
	static const struct nft_hook own = { "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST };

	rules_add_chain(rules, "prerouting", &before);
	rules_begin_rule(rules, "prerouting");
	if (family == AF_INET)
		rules_match_net(rules, NFT_DESTINATION, &loopback, false);
	rules_match_local(rules);
	rules_verdict(rules, NFT_JUMPS, "published");
	rules_end_rule(rules);
	rules_add_chain(rules, "output", &own);
	rules_begin_rule(rules, "output");
	if (family == AF_INET6)
		rules_match_net(rules, NFT_DESTINATION, &loopback6, false);
	rules_match_local(rules);
	rules_verdict(rules, NFT_JUMPS, "published");
	rules_end_rule(rules);
}

static void add_return(struct rules *rules, const struct ipaddr *target, const struct ipnet *source)
{
	rules_begin_rule(rules, "postrouting");
	rules_match_address(rules, NFT_DESTINATION, target, true);
	rules_match_translated(rules);
	rules_match_net(rules, NFT_SOURCE, source, true);
	rules_masquerade(rules);
	rules_end_rule(rules);
}

/* What is known at this place already has been translated back. */
static void add_guard(struct rules *rules, const char *bridge, const struct ipaddr *target,
		      bool is_closed)
{
	static const struct nft_hook before = { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE };

	rules_add_chain(rules, "guard", &before);
	if (target->family == AF_INET) {
		rules_begin_rule(rules, "guard");
		rules_match_link(rules, NFT_INPUT, bridge, true);
		rules_match_net(rules, NFT_DESTINATION, &loopback, true);
		rules_verdict(rules, NFT_DROPS, NULL);
		rules_end_rule(rules);
	}
	for (int is_drop = 0; is_closed && is_drop <= 1; is_drop++) {
		rules_begin_rule(rules, "guard");
		rules_match_link(rules, NFT_INPUT, bridge, false);
		rules_match_address(rules, NFT_DESTINATION, target, true);
		if (!is_drop)
			rules_match_established(rules);
		rules_verdict(rules, is_drop ? NFT_DROPS : NFT_ACCEPTS, NULL);
		rules_end_rule(rules);
	}
}

struct translation {
	const struct endpoints *endpoints;
	const struct ipnet *target;
	const char *bridge;
	bool is_closed;
};

static bool write_rules(struct rules *rules, const void *context, struct error *err)
{
	static const struct nft_hook after = { "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC };
	const struct translation *translation = context;
	const struct ipnet *target = translation->target;

	/* Nothing is reached by this family any more. */
	if (!target->address.family)
		return true;
	if (!add_marks(rules, translation->endpoints, &target->address, err) ||
	    !add_redirects(rules, translation->endpoints, &target->address, err))
		return false;
	add_guard(rules, translation->bridge, &target->address, translation->is_closed);
	add_jumps(rules, target->address.family);
	rules_add_chain(rules, "postrouting", &after);
	add_return(rules, &target->address, target);
	if (target->address.family == AF_INET)
		add_return(rules, &target->address, &loopback);
	return true;
}

/* Whether the host's own programs may come by 127.0.0.1. */
static bool is_on_loopback(const struct endpoints *endpoints)
{
	static const struct ipaddr everywhere = { .family = AF_INET };

	for (size_t i = 0; i < endpoints->port_count; i++) {
		const struct ipaddr *address = &endpoints->ports[i].address;

		if (endpoints->ports[i].outside &&
		    (ipaddr_is_equal(address, &everywhere) || ipnet_has(&loopback, address)))
			return true;
	}
	return false;
}

/* The kernel lets packets from 127.0.0.1 leave by the bridge. firewall.c keeps containers from
 * using that the other way. */
static bool open_loopback(const char *bridge, struct error *err)
{
	autofree char *name = mem_printf("ipv4/conf/%s/route_localnet", bridge);

	return netsysctl_set(name, "1\n", err);
}

static bool has_family(const struct endpoints *endpoints, int family)
{
	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (endpoints->ports[i].address.family == family)
			return true;
	}
	return false;
}

static void set_name(const char *id, char name[IPTABLES_NAME_MAX + 1])
{
	snprintf(name, IPTABLES_NAME_MAX + 1, "mooring-%.12s", id);
}

static const int families[NETWORK_FAMILIES] = {
	[NETWORK_IPV4] = AF_INET, [NETWORK_IPV6] = AF_INET6
};

void publish_find_way(const struct engine *engine, const struct endpoint *outward,
		      const struct network *network, struct publish_way *way)
{
	*way = (struct publish_way){ .outward = outward };
	network_bridge(engine, network, way->bridge);
	for (size_t i = 0; i < NETWORK_FAMILIES; i++)
		way->is_closed[i] =
			network_mode(network, (enum network_family)i) == NETWORK_MODE_NAT;
}

bool publish_translate(const struct engine *engine, const struct container *container,
		       const struct endpoints *endpoints, const struct publish_way *way,
		       struct bag *bag, struct error *err)
{
	char name[IPTABLES_NAME_MAX + 1];
	bool is_done = true;

	if (!endpoints->port_count)
		return true;
	set_name(container->id, name);
	is_done = !way->outward || !is_on_loopback(endpoints) || open_loopback(way->bridge, err);
	for (size_t i = 0; is_done && i < NETWORK_FAMILIES; i++) {
		static const struct ipnet nowhere;
		const struct translation translation = {
			.endpoints = endpoints,
			.target = way->outward ? &way->outward->addresses[i] : &nowhere,
			.bridge = way->bridge,
			.is_closed = way->is_closed[i],
		};
		const struct rules_set set = {
			.engine = engine,
			.name = name,
			.family = families[i],
			.what = "publish ports",
			.write = write_rules,
			.context = &translation,
			.bag = bag,
			.container = container->id,
		};

		if (has_family(endpoints, families[i]) &&
		    (translation.target->address.family || bag_is_sealed(bag)))
			is_done = rules_apply(&set, err);
	}
	return is_done ||
	       error_in(err, "driver failed programming external connectivity on endpoint %s (%s)",
			container->name, way->outward ? way->outward->id : "");
}

bool publish_end(const struct engine *engine, const struct container *container, struct error *err)
{
	char name[IPTABLES_NAME_MAX + 1];

	set_name(container->id, name);
	return xtables_remove(engine, name, err);
}
