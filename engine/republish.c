/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/republish.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/flows.h"
#include "engine/keeper.h"
#include "engine/port.h"
#include "engine/proxied.h"
#include "engine/publish.h"

static const struct ipaddr everywhere = { .family = AF_INET };

/* The ports that lead here: in a hub others than the host's. */
static bool find_published(const struct attachment *self, struct endpoints *inside,
			   struct error *err)
{
	*inside = self->endpoints;
	return !hub_has_been(self->engine) ||
	       hub_find_published(self->engine, self->container, self->arena, &self->endpoints,
				  inside, err);
}

/* The way outward; its network is read into *network. Without one way->outward is NULL. */
static bool find_way(struct attachment *self, struct network *network, struct publish_way *way,
		     struct error *err)
{
	const struct endpoint *outward = endpoints_publishing(&self->endpoints);

	*way = (struct publish_way){ .outward = NULL };
	if (!outward)
		return true;
	if (!network_find(self->engine, self->arena, outward->network_id, network, err))
		return false;
	publish_find_way(self->engine, outward, network, way);
	return true;
}

bool republish_fresh(struct attachment *self, struct bag *fresh, struct error *err)
{
	struct endpoints inside = self->endpoints;
	struct network network;
	struct publish_way way;
	struct bag bag;

	if (!find_way(self, &network, &way, err) ||
	    (hub_has_been(self->engine) &&
	     !hub_publish(self->engine, self->container, self->arena, &self->endpoints,
			  &self->hub.listeners, &inside, fresh, err)) ||
	    !publish_translate(self->engine, self->container, &inside, &way, fresh, err) ||
	    !flows_forget(&inside, err) ||
	    !keeper_open_bag(self->engine, self->container->id, &bag, err))
		return false;
	bag_seal(fresh);

	bool is_done = bag_reopen(&bag) ? bag_pour(&bag, fresh, err)
					: error_set(err, ERROR_UNSUPPORTED,
						    "what is published cannot be added while the "
						    "container runs: restart it");

	bag_close(&bag);
	return is_done;
}

/* At another address. ------------------------------------------------------------------------- */

/* Whether it is -p that says the address. */
static bool is_named(const struct container *container, const struct published *port)
{
	for (size_t i = 0; i < container->publish.count; i++) {
		struct port_spec spec;
		struct error ignored; /* it was understood at the start */

		if (port_parse(container->publish.items[i], &spec, &ignored) &&
		    spec.protocol == port->protocol &&
		    ipaddr_is_equal(&spec.address, &port->address) &&
		    port->inside >= spec.inside.first && port->inside <= spec.inside.last &&
		    (!spec.has_outside ||
		     (port->outside >= spec.outside.first && port->outside <= spec.outside.last)))
			return true;
	}
	return false;
}

/* Whether ports without an address of their own are where the network has them. */
static bool is_in_place(const struct attachment *self, const struct network *network)
{
	const struct ipaddr binding = network_host_binding(network);

	for (size_t i = 0; i < self->endpoints.port_count; i++) {
		const struct published *port = &self->endpoints.ports[i];
		const struct ipaddr *wanted = binding.family ? &binding : &everywhere;

		if (!is_named(self->container, port) && !ipaddr_is_equal(&port->address, wanted) &&
		    (binding.family || port->address.family == AF_INET))
			return false;
	}
	return true;
}

/* What republish_fresh, or the start, put in. */
static bool is_of_ports(int fd)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0
		       ? domain == AF_INET || domain == AF_INET6 || domain == AF_NETLINK
		       : proxied_is_lifeline(fd);
}

/* Nothing has been done if it fails with ERROR_UNSUPPORTED. */
static bool end_published(struct attachment *self, struct error *err)
{
	struct endpoints inside;
	struct error ignored; /* what was not published yet has no flows */
	struct bag bag;

	if (!keeper_open_bag(self->engine, self->container->id, &bag, err))
		return err->kind == ERROR_NOT_FOUND; /* all ended with its monitor */
	if (!find_published(self, &inside, &ignored))
		inside.port_count = 0;
	bool is_done = bag_reopen(&bag) ? bag_drop(&bag, is_of_ports, err) &&
						  publish_end(self->engine, self->container, err)
					: error_set(err, ERROR_UNSUPPORTED,
						    "what is published cannot be changed while the "
						    "container runs: restart it");

	bag_close(&bag);
	if (!is_done)
		return false;
	hub_unpublish(self->engine, self->container->id);
	return flows_forget(&inside, err);
}

/* The same ports of the host's, written as -p would have them. */
static void write_specs(const struct attachment *self, struct texts *specs)
{
	for (size_t i = 0; i < self->endpoints.port_count; i++) {
		const struct published *port = &self->endpoints.ports[i];
		const char *protocol = port_protocol_name(port->protocol);
		bool is_ipv6 = port->address.family == AF_INET6;
		char address[IPADDR_TEXT_MAX];

		if (is_named(self->container, port))
			texts_add_in(specs, self->arena,
				     arena_printf(self->arena,
						  is_ipv6 ? "[%s]:%d:%d/%s" : "%s:%d:%d/%s",
						  ipaddr_text(&port->address, address),
						  port->outside, port->inside, protocol));
		else if (!is_ipv6) /* the other goes with it */
			texts_add_in(specs, self->arena,
				     arena_printf(self->arena, "%d:%d/%s", port->outside,
						  port->inside, protocol));
	}
}

/* In a hub nothing can be reserved of the host's: slirp4netns will tell. Of IPv6 nobody listens
 * any more. */
static void place_in_hub(struct attachment *self, const struct network *network)
{
	const struct ipaddr binding = network_host_binding(network);

	proxied_drop(&self->endpoints);
	for (size_t i = 0; i < self->endpoints.port_count; i++) {
		struct published *port = &self->endpoints.ports[i];

		if (!is_named(self->container, port))
			port->address = binding.family ? binding : everywhere;
	}
}

static bool publish_again(struct attachment *self, const struct network *network, struct error *err)
{
	struct endpoints before = self->endpoints;
	struct container fixed = *self->container;
	struct bag fresh = BAG_EMPTY;
	bool is_done = true;

	self->is_unpublished = true;
	if (hub_has_been(self->engine)) {
		place_in_hub(self, network);
	} else {
		fixed.publish = (struct texts){ 0 };
		fixed.publishes_all = false;
		write_specs(self, &fixed.publish);
		self->endpoints.port_count = 0;
		is_done = publish_reserve(self->engine, &fixed, self->arena, &fresh,
					  &self->endpoints, err);
	}
	is_done = is_done && republish_fresh(self, &fresh, err);
	bag_close(&fresh);
	if (is_done) {
		self->is_unpublished = false;
		return true;
	}
	hub_unpublish(self->engine, self->container->id); /* what it listens for already */
	/* For who goes back to where it was published. */
	self->endpoints.ports = before.ports;
	self->endpoints.port_count = before.port_count;
	return false;
}

/* By the same sockets. */
static bool lead(struct attachment *self, const struct publish_way *way, struct error *err)
{
	struct endpoints inside;
	struct bag bag;

	/* The rules of a monitor that was killed ended with it. */
	if (!keeper_open_bag(self->engine, self->container->id, &bag, err))
		return err->kind == ERROR_NOT_FOUND;

	bool is_done = find_published(self, &inside, err) &&
		       publish_translate(self->engine, self->container, &inside, way, &bag, err) &&
		       flows_forget(&inside, err);

	bag_close(&bag);
	return is_done;
}

bool republish(struct attachment *self, struct error *err)
{
	struct network network;
	struct publish_way way;

	if (!find_way(self, &network, &way, err))
		return false;
	if (way.outward && (!netlink_open(&self->host, NETLINK_ROUTE, err) ||
			    !link_set_hairpin(&self->host, way.outward->outside, err)))
		return false;
	/* Those of a share of a device are kept for when it is left. */
	bool is_kept = way.outward ? is_in_place(self, &network)
				   : endpoints_outward(&self->endpoints) != NULL;

	if (is_kept && !self->is_unpublished)
		return lead(self, &way, err);
	/* A monitor of an older program's lets nothing be added. */
	if (!end_published(self, err))
		return err->kind == ERROR_UNSUPPORTED && lead(self, &way, err);
	if (way.outward)
		return publish_again(self, &network, err);
	self->endpoints.port_count = 0;
	return true;
}
