/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/find.h"
#include "engine/network.h"
#include "engine/portsocket.h"
#include "engine/status.h"

/* Reserving the host's ports that are to be published. */

#define RANDOM_TRIES 64

struct reserving {
	const struct engine *engine;
	const struct container *container;
	struct bag *bag;
	struct endpoints *endpoints;
	struct ipaddr binding; /* of ports without an address; family 0: all of the host's */
	bool is_without_ipv4;  /* nothing leads from IPv4 there */
	bool has_ipv6;
	bool is_routed[NETWORK_FAMILIES];
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

/* Where packets are routed to the container's own address, nothing of the host's is needed: the
 * port outside is 0. */
static bool reserve_beside_routed(const struct reserving *self, const struct port_spec *spec,
				  const struct ipaddr *named, uint16_t inside, uint16_t outside,
				  struct error *err)
{
	const bool has[NETWORK_FAMILIES] = { !self->is_without_ipv4, self->has_ipv6 };
	size_t before = self->endpoints->port_count;

	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		const struct ipaddr all = { .family = i == NETWORK_IPV6 ? AF_INET6 : AF_INET };

		if (!has[i] || (named->family && named->family != all.family) ||
		    (self->is_routed[i]
			     ? add(self, spec->protocol, &all, inside, 0, err)
			     : reserve(self, spec->protocol, named->family ? named : &all, inside,
				       &outside, err)))
			continue;
		self->endpoints->port_count = before;
		return false;
	}
	return true;
}

/* One port of the container's on one of the host's: of all its addresses, if none was named. */
static bool reserve_both(const struct reserving *self, const struct port_spec *spec,
			 uint16_t inside, uint16_t outside, struct error *err)
{
	static const struct ipaddr ipv4 = { .family = AF_INET }, ipv6 = { .family = AF_INET6 };
	const struct ipaddr *named = spec->address.family ? &spec->address : &self->binding;
	size_t before = self->endpoints->port_count;

	if (self->is_routed[NETWORK_IPV4] || self->is_routed[NETWORK_IPV6])
		return reserve_beside_routed(self, spec, named, inside, outside, err);
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
	self->has_ipv6 = network.has_ipv6;
	for (size_t i = 0; i < NETWORK_FAMILIES; i++)
		self->is_routed[i] =
			network_mode(&network, (enum network_family)i) == NETWORK_MODE_ROUTED;
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
