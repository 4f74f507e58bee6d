/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/publish.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/find.h"
#include "engine/netsysctl.h"
#include "engine/network.h"
#include "engine/portsocket.h"
#include "engine/rules.h"
#include "engine/status.h"
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
 *	}
 *
 * From outside nothing for 127.0.0.0/8 is translated: what is published there is for this machine
 * alone, whatever a neighbour sends. Masquerading is for who would else be answered directly by the
 * container (its neighbours on the bridge), or not at all (the host's loopback).
 *
 * In table ip6 it is "output" that leaves ::1 out: the kernel takes no answer for it from a bridge
 * (there is no route_localnet), so that whoever came by it would wait in vain. The reserved socket,
 * on which nobody listens, refuses them at once, and programs go on to 127.0.0.1.
 */

#define RANDOM_TRIES 64
#define RULES_MAX    300 /* of one table: they have to fit into one transaction */

/* Reserving. -----------------------------------------------------------------------------------
 */

struct reserving {
	const struct engine *engine;
	const struct container *container;
	struct bag *bag;
	struct endpoints *endpoints;
	struct ipaddr binding; /* of ports without an address; family 0: all of the host's */
	bool is_without_ipv4;  /* nothing leads from IPv4 there */
};

static bool is_overlapping(const struct published *theirs, enum port_protocol protocol,
			   const struct ipaddr *address, uint16_t port)
{
	static const struct ipaddr everywhere[] = { { .family = AF_INET }, { .family = AF_INET6 } };

	if (theirs->protocol != protocol || theirs->outside != port ||
	    theirs->address.family != address->family)
		return false;
	for (size_t i = 0; i < COUNT_OF(everywhere); i++) {
		if (ipaddr_is_equal(&theirs->address, &everywhere[i]) ||
		    ipaddr_is_equal(address, &everywhere[i]))
			return true;
	}
	return ipaddr_is_equal(&theirs->address, address);
}

static bool has_port(const struct endpoints *endpoints, enum port_protocol protocol,
		     const struct ipaddr *address, uint16_t port)
{
	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (is_overlapping(&endpoints->ports[i], protocol, address, port))
			return true;
	}
	return false;
}

/* One that is being started binds its ports before it writes them down: what its options say. */
static bool is_asking(const struct reserving *self, const char *id, enum port_protocol protocol,
		      const struct ipaddr *address, uint16_t port)
{
	autoarena struct arena arena = { 0 };
	struct container container;
	struct port_spec spec;
	struct error ignored;

	if (!status_is_locked(self->engine, id) ||
	    !container_read(self->engine, &arena, id, &container, &ignored))
		return false;
	for (size_t i = 0; i < container.publish.count; i++) {
		if (!port_parse(container.publish.items[i], &spec, &ignored) ||
		    spec.protocol != protocol || !spec.has_outside || port < spec.outside.first ||
		    port > spec.outside.last)
			continue;
		if (!spec.address.family || spec.address.family == address->family)
			return true;
	}
	return false;
}

/* Whether it is a container of this store that has the port. */
static bool is_allocated(const struct reserving *self, enum port_protocol protocol,
			 const struct ipaddr *address, uint16_t port)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	struct endpoints theirs;
	struct error ignored;

	if (has_port(self->endpoints, protocol, address, port))
		return true;
	if (!find_all(self->engine, &arena, &ids, &ignored))
		return false;
	for (size_t i = 0; i < ids.count; i++) {
		if (strcmp(ids.items[i], self->container->id) == 0)
			continue;
		if ((endpoints_read(self->engine, &arena, ids.items[i], &theirs) &&
		     has_port(&theirs, protocol, address, port) &&
		     status_is_running(self->engine, ids.items[i])) ||
		    is_asking(self, ids.items[i], protocol, address, port))
			return true;
	}
	return false;
}

/* Docker's words. */
static bool explain(const struct reserving *self, enum port_protocol protocol,
		    const struct ipaddr *host, uint16_t port, int number, struct error *err)
{
	const struct endpoint *outward = endpoints_outward(self->endpoints);
	char text[IPADDR_TEXT_MAX], address[IPADDR_TEXT_MAX + 16];
	bool is_ipv6 = host->family == AF_INET6;

	snprintf(address, sizeof(address), is_ipv6 ? "[%s]:%d" : "%s:%d", ipaddr_text(host, text),
		 port);
	if (number == EADDRINUSE && is_allocated(self, protocol, host, port))
		error_set(err, ERROR_EXISTS, "Bind for %s failed: port is already allocated",
			  address);
	else
		error_set(err, error_kind_of(number), "listen %s%d %s: bind: %s",
			  port_protocol_name(protocol), is_ipv6 ? 6 : 4, address,
			  number == EADDRINUSE      ? "address already in use"
			  : number == EADDRNOTAVAIL ? "cannot assign requested address"
			  : number == EACCES        ? "permission denied"
						    : error_words(number));
	err->sys = number;
	return error_in(err, "driver failed programming external connectivity on endpoint %s (%s)",
			self->container->name, outward ? outward->id : "");
}

static bool add(const struct reserving *self, enum port_protocol protocol,
		const struct ipaddr *host, uint16_t inside, uint16_t outside, struct error *err)
{
	struct endpoints *endpoints = self->endpoints;

	if (endpoints->port_count >= PUBLISHED_MAX)
		return error_set(err, ERROR_INPUT, "more than %d published ports", PUBLISHED_MAX);
	endpoints->ports[endpoints->port_count++] = (struct published){
		.protocol = protocol, .inside = inside, .outside = outside, .address = *host
	};
	return true;
}

/* One port of one address. *outside 0: any. */
static bool reserve(const struct reserving *self, enum port_protocol protocol,
		    const struct ipaddr *host, uint16_t inside, uint16_t *outside,
		    struct error *err)
{
	autoclose int fd = portsocket_open(protocol, host->family);

	/* A kernel without them keeps nobody else from anything either, but for other containers.
	 */
	if (fd < 0 && portsocket_is_missing(errno)) {
		if (host->family == AF_INET6 || *outside == 0)
			return true;
		return is_allocated(self, protocol, host, *outside)
			       ? explain(self, protocol, host, *outside, EADDRINUSE, err)
			       : add(self, protocol, host, inside, *outside, err);
	}
	if (fd < 0)
		return error_sys(err, "open a socket for port %d", *outside);
	if (!portsocket_bind(fd, host, outside)) {
		int number = errno;

		return explain(self, protocol, host, *outside, number, err);
	}
	return bag_put(self->bag, take_fd(&fd), err) &&
	       add(self, protocol, host, inside, *outside, err);
}

/* One port of the container's on one of the host's: of all its addresses, if none was named. */
static bool reserve_both(const struct reserving *self, const struct port_spec *spec,
			 uint16_t inside, uint16_t outside, struct error *err)
{
	static const struct ipaddr ipv4 = { .family = AF_INET }, ipv6 = { .family = AF_INET6 };
	const struct ipaddr *named = spec->address.family ? &spec->address : &self->binding;
	size_t before = self->endpoints->port_count;

	if (named->family == AF_INET && self->is_without_ipv4)
		return true;
	if (named->family || self->is_without_ipv4)
		return reserve(self, spec->protocol, named->family ? named : &ipv6, inside,
			       &outside, err);
	for (int i = 0; i < RANDOM_TRIES; i++) {
		uint16_t port = outside;

		if (!reserve(self, spec->protocol, &ipv4, inside, &port, err))
			return false;
		if (reserve(self, spec->protocol, &ipv6, inside, &port, err))
			return true;
		/* What the kernel chose for the one family may be taken in the other: the socket
		 * stays in the bag, and the next try gets another. */
		self->endpoints->port_count = before;
		if (outside || err->sys != EADDRINUSE)
			return false;
	}
	return false;
}

/* -p 9000-9010:80: the first of them that is free. */
static bool reserve_first(const struct reserving *self, const struct port_spec *spec,
			  struct error *err)
{
	for (unsigned int port = spec->outside.first; port <= spec->outside.last; port++) {
		if (reserve_both(self, spec, spec->inside.first, (uint16_t)port, err))
			return true;
		if (err->sys != EADDRINUSE)
			return false;
	}
	return false;
}

static bool reserve_spec(const struct reserving *self, const struct port_spec *spec,
			 struct error *err)
{
	unsigned int count = (unsigned int)(spec->inside.last - spec->inside.first) + 1;

	if (count == 1 && spec->has_outside && spec->outside.first != spec->outside.last)
		return reserve_first(self, spec, err);
	for (unsigned int i = 0; i < count; i++) {
		unsigned int outside = spec->has_outside ? spec->outside.first + i : 0;

		if (!reserve_both(self, spec, (uint16_t)(spec->inside.first + i), (uint16_t)outside,
				  err))
			return false;
	}
	return true;
}

static bool is_published(const struct endpoints *endpoints, enum port_protocol protocol,
			 uint16_t inside)
{
	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (endpoints->ports[i].protocol == protocol &&
		    endpoints->ports[i].inside == inside)
			return true;
	}
	return false;
}

/* -P: what is exposed and has no port of the host yet gets any. */
static bool reserve_exposed(const struct reserving *self, struct error *err)
{
	const struct texts *exposed = &self->container->exposed_ports;

	for (size_t i = 0; i < exposed->count; i++) {
		struct port_spec spec;

		if (!port_parse_exposed(exposed->items[i], &spec, err))
			return false;
		for (unsigned int port = spec.inside.first; port <= spec.inside.last; port++) {
			if (!is_published(self->endpoints, spec.protocol, (uint16_t)port) &&
			    !reserve_both(self, &spec, (uint16_t)port, 0, err))
				return false;
		}
	}
	return true;
}

/* By the container's port and protocol, as every list of docker's shows them; equals stay. */
static int compare(const void *a, const void *b)
{
	const struct published *left = a, *right = b;

	if (left->inside != right->inside)
		return left->inside < right->inside ? -1 : 1;
	if (left->protocol != right->protocol)
		return left->protocol < right->protocol ? -1 : 1;
	if (left->address.family != right->address.family)
		return left->address.family == AF_INET ? -1 : 1;
	return left->outside < right->outside ? -1 : left->outside > right->outside;
}

bool publish_is_wanted(const struct container *container)
{
	return container->publish.count || container->publishes_all;
}

/* That of the network by which the container is reached. */
static bool find_binding(struct reserving *self, struct arena *arena, struct error *err)
{
	const struct endpoint *outward = endpoints_outward(self->endpoints);
	struct network network;

	if (!outward)
		return true;
	if (!network_find(self->engine, arena, outward->network, &network, err))
		return false;
	self->binding = network_host_binding(&network);
	self->is_without_ipv4 = network.is_without_ipv4;
	return true;
}

bool publish_reserve(const struct engine *engine, const struct container *container,
		     struct arena *arena, struct bag *bag, struct endpoints *endpoints,
		     struct error *err)
{
	struct reserving self = {
		.engine = engine, .container = container, .bag = bag, .endpoints = endpoints
	};

	if (!publish_is_wanted(container))
		return true;
	if (!find_binding(&self, arena, err))
		return false;
	endpoints->ports = arena_array(arena, PUBLISHED_MAX, sizeof(*endpoints->ports));
	for (size_t i = 0; i < container->publish.count; i++) {
		struct port_spec spec;

		if (!port_parse(container->publish.items[i], &spec, err) ||
		    !reserve_spec(&self, &spec, err))
			return false;
	}
	if (container->publishes_all && !reserve_exposed(&self, err))
		return false;
	qsort(endpoints->ports, endpoints->port_count, sizeof(*endpoints->ports), compare);
	return true;
}

/* Rules. ---------------------------------------------------------------------------------------
 */

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
		if (endpoints->ports[i].address.family == target->family)
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

struct translation {
	const struct endpoints *endpoints;
	const struct ipnet *target;
};

static bool write_rules(struct rules *rules, const void *context, struct error *err)
{
	static const struct nft_hook after = { "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC };
	const struct translation *translation = context;
	const struct ipnet *target = translation->target;

	/* Nothing is reached by this family any more. */
	if (!target->address.family)
		return true;
	if (!add_redirects(rules, translation->endpoints, &target->address, err))
		return false;
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

		if (ipaddr_is_equal(address, &everywhere) || ipnet_has(&loopback, address))
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
		const struct translation translation = { endpoints,
							 way->outward ? &way->outward->addresses[i]
								      : &nowhere };
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
