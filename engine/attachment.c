/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attachment.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/bridge.h"
#include "engine/endpointopt.h"
#include "engine/flows.h"
#include "engine/hostns.h"
#include "engine/lease.h"
#include "engine/names.h"
#include "engine/netsysctl.h"
#include "engine/publish.h"
#include "engine/xtables.h"

#define OPTION_PARENT          "parent"

#define LINK_LOCAL_IPV4_PREFIX 16 /* RFC 3927 */
#define LINK_LOCAL_IPV6_PREFIX 64 /* RFC 4291, 2.5.6 */

/* How one endpoint is connected on the host's side. */
struct plug {
	struct network network;
	unsigned int device; /* the bridge, or the device that is shared */
	const char *sysctls; /* of the link inside; NULL: none */
};

void attachment_init(struct attachment *attachment, const struct engine *engine,
		     const struct container *container, struct arena *arena, char *warning)
{
	*attachment = (struct attachment){ .engine = engine,
					   .container = container,
					   .arena = arena,
					   .host = { .fd = -1 },
					   .hub = HUB_NONE,
					   .names = -1,
					   .bag = BAG_EMPTY,
					   .warning = warning };
	attachment->endpoints.items = arena_array(arena, ENDPOINTS_MAX, sizeof(struct endpoint));
	attachment->plugs = arena_array(arena, ENDPOINTS_MAX, sizeof(struct plug));
}

void attachment_close(struct attachment *attachment)
{
	netlink_close(&attachment->host);
	mem_cleanup_close(&attachment->names);
	hub_close(&attachment->hub);
	bag_close(&attachment->bag);
}

/* Leasing. -------------------------------------------------------------------------------------
 */

static bool is_shared(const struct network *network)
{
	return strcmp(network->driver, "macvlan") == 0 || strcmp(network->driver, "ipvlan") == 0;
}

static bool find_parent(const struct network *network, unsigned int *device, struct error *err)
{
	const char *parent = network_option(network, OPTION_PARENT);

	if (!parent)
		return error_set(err, ERROR_INPUT,
				 "network %s: a %s network needs the host's device: create it with "
				 "-o parent=DEVICE",
				 network->name, network->driver);
	*device = if_nametoindex(parent);
	return *device > 0 || error_sys(err, "network %s: find device %s", network->name, parent);
}

static bool read_wish(const struct container_network *wanted, size_t family, struct ipaddr *address,
		      struct error *err)
{
	const char *text = family == NETWORK_IPV6 ? wanted->ip6 : wanted->ip;

	return !text || !*text || ipaddr_parse(address, text) ||
	       error_set(err, ERROR_INPUT, "invalid IP address: %s", text);
}

static bool lease_addresses(struct attachment *self, const struct lease_book *book,
			    const struct network *network, const struct container_network *wanted,
			    struct endpoint *endpoint, struct error *err)
{
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		const struct network_pool *pool = &network->pools[i];
		struct ipaddr address = { 0 };

		if (!read_wish(wanted, i, &address, err))
			return false;
		if (!pool->subnet.address.family ||
		    (i == NETWORK_IPV6 && netsysctl_is_without_ipv6(&self->container->sysctls)))
			continue;
		if (address.family && !pool->is_given)
			return error_set(err, ERROR_INPUT,
					 "user specified IP address is supported only when "
					 "connecting to networks with user configured subnets");
		if (!lease_take(self->engine, book, network, (enum network_family)i,
				self->container->id, &address, err))
			return false;
		endpoint->addresses[i] = (struct ipnet){ address, pool->subnet.prefix };
		endpoint->gateways[i] = pool->gateway;
	}
	return true;
}

/* As docker does: made from the address, so that a neighbour's cache is right for the next one
 * who has it. */
static void usual_mac(const struct endpoint *endpoint, unsigned char mac[LINK_MAC_SIZE])
{
	const struct ipaddr *ipv4 = &endpoint->addresses[NETWORK_IPV4].address;
	const struct ipaddr *ipv6 = &endpoint->addresses[NETWORK_IPV6].address;

	memcpy(mac, (const unsigned char[]){ 0x02, 0x42 }, 2);
	memcpy(mac + 2, ipv4->family ? ipv4->bytes : ipv6->bytes + 12, 4);
}

static bool set_mac(const struct container_network *wanted, struct endpoint *endpoint,
		    struct error *err)
{
	if (wanted->mac && *wanted->mac)
		return link_mac_parse(wanted->mac, endpoint->mac) ||
		       error_set(err, ERROR_INPUT, "invalid MAC address: %s", wanted->mac);
	usual_mac(endpoint, endpoint->mac);
	return true;
}

static void name_links(const struct attachment *self, const struct network *network,
		       struct endpoint *endpoint)
{
	ident_derive(self->container->id, network->id, endpoint->id, IDENT_LENGTH);
	endpoint->outside[0] = '\0';
	if (!is_shared(network))
		snprintf(endpoint->outside, sizeof(endpoint->outside), "veth%.7s", endpoint->id);
	endpoint->network = network->name;
	endpoint->network_id = network->id;
	endpoint->is_internal = network->is_internal;
	endpoint->has_names = !network->is_predefined;
}

static bool open_host(struct attachment *self, struct error *err)
{
	return self->host.fd >= 0 || netlink_open(&self->host, NETLINK_ROUTE, err);
}

static bool is_taken_by(const struct endpoints *endpoints, const char *name)
{
	for (size_t i = 0; i < endpoints->count; i++) {
		if (strcmp(endpoints->items[i].inside, name) == 0)
			return true;
	}
	return false;
}

static bool is_asked_for(const struct container *container, const char *name)
{
	for (size_t i = 0; i < container->network_count; i++) {
		const char *asked =
			endpointopt_get(&container->networks[i].driver_options, ENDPOINTOPT_IFNAME);

		if (asked && strcmp(asked, name) == 0)
			return true;
	}
	return false;
}

/* As it was asked for; else eth0, eth1, …: the first that is free. */
static bool name_inside(const struct attachment *self, const struct network *network,
			const struct container_network *wanted, struct endpoint *endpoint,
			struct error *err)
{
	const char *asked = endpointopt_get(&wanted->driver_options, ENDPOINTOPT_IFNAME);
	const char *prefix = network_option(network, NETWORK_OPTION_PREFIX);
	size_t number = 0;

	if (asked) {
		snprintf(endpoint->inside, sizeof(endpoint->inside), "%s", asked);
		return !is_taken_by(&self->endpoints, asked) ||
		       error_set(err, ERROR_INPUT,
				 "network %s: the container has an interface %s already",
				 wanted->name, asked);
	}
	do {
		snprintf(endpoint->inside, sizeof(endpoint->inside), "%s%zu",
			 prefix && *prefix ? prefix : "eth", number++);
	} while (is_taken_by(&self->endpoints, endpoint->inside) ||
		 is_asked_for(self->container, endpoint->inside));
	return true;
}

bool attachment_lease_one(struct attachment *self, const struct container_network *wanted,
			  struct error *err)
{
	size_t number = self->endpoints.count;
	struct endpoint *endpoint = &self->endpoints.items[number];
	struct plug *plug = &self->plugs[number];
	struct network *network = &plug->network;
	struct lease_book book;

	if (number >= ENDPOINTS_MAX)
		return error_set(err, ERROR_INPUT, "more than %d networks", ENDPOINTS_MAX);
	if (!open_host(self, err) ||
	    !network_find(self->engine, self->arena, wanted->name, network, err))
		return false;
	if (network->is_absent)
		return bridge_leave(self->engine, network, err);
	if (network->is_config_only)
		return error_set(err, ERROR_DENIED,
				 "cannot create endpoint on configuration-only network");
	if (!name_inside(self, network, wanted, endpoint, err))
		return false;
	name_links(self, network, endpoint);
	plug->sysctls = endpointopt_get(&wanted->driver_options, ENDPOINTOPT_SYSCTLS);
	endpoint->aliases = wanted->aliases;
	endpoint->links = wanted->links;
	endpoint->link_local = wanted->link_local;
	endpoint->gw_priority = wanted->gw_priority;
	if (!lease_open(self->engine, network, &book, err))
		return false;

	bool is_done =
		(is_shared(network) ? find_parent(network, &plug->device, err)
				    : bridge_set_up(self->engine, &book, network, &self->host,
						    &plug->device, self->warning, err)) &&
		lease_addresses(self, &book, network, wanted, endpoint, err) &&
		set_mac(wanted, endpoint, err);

	lease_close(&book);
	if (is_done)
		self->endpoints.count++;
	return is_done;
}

const struct network *attachment_network(const struct attachment *attachment, size_t number)
{
	return &attachment->plugs[number].network;
}

/* What is published leads to the container by that way. In a hub it is slirp4netns that has the
 * host's ports. */
static bool publish(struct attachment *self, const struct publish_way *way, struct error *err)
{
	bool is_in_hub = self->hub.lock >= 0;
	struct endpoints inside = self->endpoints;

	if (is_in_hub ? !hub_publish(self->engine, self->container, self->arena, &self->endpoints,
				     &self->hub.listeners, &inside, &self->bag, err)
		      : !publish_reserve(self->engine, self->container, self->arena, &self->bag,
					 &self->endpoints, err))
		return false;
	return publish_translate(self->engine, self->container,
				 is_in_hub ? &inside : &self->endpoints, way, &self->bag, err) &&
	       flows_forget(is_in_hub ? &inside : &self->endpoints, err);
}

static bool lease_all(struct attachment *self, struct error *err)
{
	const struct container *container = self->container;

	/* An address that was a killed container's is about to be somebody else's. */
	xtables_sweep(self->engine);
	for (size_t i = 0; i < container->network_count; i++) {
		if (!attachment_lease_one(self, &container->networks[i], err))
			return false;
	}

	const struct endpoint *outward = endpoints_publishing(&self->endpoints);
	struct publish_way way;

	if (!names_open(self->engine, &self->endpoints, &self->names, err))
		return false;
	/* A network that it is connected to as it runs may publish them, or at another address. */
	if (publish_is_wanted(container) && !bag_leave_way(&self->bag, err))
		return false;
	if (!outward) {
		self->endpoints.port_count = 0; /* a hub's were chosen before */
		return true;
	}
	publish_find_way(self->engine, outward,
			 &self->plugs[outward - self->endpoints.items].network, &way);
	return publish(self, &way, err);
}

bool attachment_lease(struct attachment *self, struct error *err)
{
	const struct container *container = self->container;

	if (!container->network_count || !usernet_is_needed())
		return lease_all(self, err);

	bool is_done = hub_enter(&self->hub, self->engine, container, self->arena, &self->endpoints,
				 &self->bag, err) &&
		       lease_all(self, err);

	hub_close(&self->hub);
	return is_done;
}

/* Plugging in. ---------------------------------------------------------------------------------
 */

static bool make_share(struct attachment *self, const struct plug *plug,
		       const struct endpoint *endpoint, int netns, struct error *err)
{
	bool is_macvlan = strcmp(plug->network.driver, "macvlan") == 0;
	struct link_share share = {
		.kind = plug->network.driver,
		.parent = plug->device,
		.mode = is_macvlan ? MACVLAN_MODE_BRIDGE : IPVLAN_MODE_L2,
		.inside = endpoint->inside,
		.mtu = network_mtu(&plug->network),
		.netns = netns,
	};
	const char *mode = network_option(&plug->network, "ipvlan_mode");

	if (!is_macvlan && mode && strcmp(mode, "l3") == 0)
		share.mode = IPVLAN_MODE_L3;
	memcpy(share.mac, endpoint->mac, sizeof(share.mac));
	return link_make_share(&self->host, &share, err);
}

static bool make_pair(struct attachment *self, const struct plug *plug,
		      const struct endpoint *endpoint, int netns, struct error *err)
{
	struct link_pair pair = {
		.host = endpoint->outside,
		.inside = endpoint->inside,
		.bridge = plug->device,
		.mtu = network_mtu(&plug->network),
		.netns = netns,
	};

	struct link_port port = {
		.name = endpoint->outside,
		.is_apart = !network_option_is_on(&plug->network, NETWORK_OPTION_ICC),
	};

	memcpy(pair.mac, endpoint->mac, sizeof(pair.mac));
	memcpy(port.mac, endpoint->mac, sizeof(port.mac));
	return link_make_pair(&self->host, &pair, err) && link_set_port(&self->host, &port, err) &&
	       (!self->endpoints.port_count ||
		link_set_hairpin(&self->host, endpoint->outside, err));
}

static bool has_ipv6(const struct endpoint *endpoint)
{
	bool has_any = endpoint->addresses[NETWORK_IPV6].address.family != 0;

	for (size_t i = 0; i < endpoint->link_local.count; i++)
		has_any |= strchr(endpoint->link_local.items[i], ':') != NULL;
	return has_any;
}

/* No IPv6 where the network has none: no address of its own making either. */
static bool silence_ipv6(const struct endpoint *endpoint, struct error *err)
{
	autofree char *name = mem_printf("ipv6/conf/%s/disable_ipv6", endpoint->inside);

	return has_ipv6(endpoint) || netsysctl_set(name, "1\n", err) ||
	       err->kind == ERROR_NOT_FOUND;
}

/* On a bridge everybody is a container, and the way out is known: who says there that he is a
 * router would be the way of its neighbours to the world, for months, also to that of their other
 * networks (RFC 4191). On a device of the machine's the routers are real. */
static bool ignore_routers(const struct network *network, const struct endpoint *endpoint,
			   struct error *err)
{
	autofree char *name = mem_printf("ipv6/conf/%s/accept_ra", endpoint->inside);

	return is_shared(network) || netsysctl_set(name, "0\n", err) ||
	       err->kind == ERROR_NOT_FOUND;
}

/* In their usual networks: nothing beyond them is reached by such an address. */
static void put_link_local(struct netlink *inside, unsigned int link,
			   const struct endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->link_local.count; i++) {
		struct ipnet address = { 0 };

		/* Checked when it was typed. */
		if (!ipaddr_parse(&address.address, endpoint->link_local.items[i]))
			continue;
		address.prefix = address.address.family == AF_INET ? LINK_LOCAL_IPV4_PREFIX
								   : LINK_LOCAL_IPV6_PREFIX;
		link_put_address(inside, link, &address);
	}
}

/* Has the kernel tell the neighbours, where they may know the address of somebody who had it
 * before, with another hardware address: not one that is made from it. */
static void advertise(const struct network *network, const struct endpoint *endpoint)
{
	autofree char *ipv4 = mem_printf("ipv4/conf/%s/arp_notify", endpoint->inside);
	autofree char *ipv6 = mem_printf("ipv6/conf/%s/ndisc_notify", endpoint->inside);
	const char *count = network_option(network, NETWORK_OPTION_ADVERTISED);
	unsigned char usual[LINK_MAC_SIZE];
	struct error ignored; /* then they find out for themselves, a little later */

	if (count && strcmp(count, "0") == 0)
		return;
	usual_mac(endpoint, usual);
	if (memcmp(usual, endpoint->mac, sizeof(usual)) != 0)
		(void)!netsysctl_set(ipv4, "1\n", &ignored);
	if (has_ipv6(endpoint))
		(void)!netsysctl_set(ipv6, "1\n", &ignored);
}

static bool set_up_inside(struct netlink *inside, const struct endpoint *endpoint,
			  const struct plug *plug, bool is_outward, struct error *err)
{
	unsigned int link = if_nametoindex(endpoint->inside);

	if (link == 0)
		return error_sys(err, "find %s", endpoint->inside);
	if (!silence_ipv6(endpoint, err) || !ignore_routers(&plug->network, endpoint, err) ||
	    !endpointopt_set_sysctls(plug->sysctls, endpoint->inside, err))
		return false;
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (endpoint->addresses[i].address.family)
			link_put_address(inside, link, &endpoint->addresses[i]);
	}
	put_link_local(inside, link, endpoint);
	link_put_up(inside, link);
	for (size_t i = 0; is_outward && i < NETWORK_FAMILIES; i++) {
		if (endpoint->gateways[i].family)
			link_put_default_route(inside, link, &endpoint->gateways[i]);
	}
	return netlink_send(inside, "set up the container's link", err);
}

bool attachment_plug_one(struct attachment *self, size_t number, struct netlink *inside, int netns,
			 struct error *err)
{
	bool is_outward = endpoints_outward(&self->endpoints) == &self->endpoints.items[number];
	const struct endpoint *endpoint = &self->endpoints.items[number];
	const struct plug *plug = &self->plugs[number];

	if (is_shared(&plug->network) ? !make_share(self, plug, endpoint, netns, err)
				      : !make_pair(self, plug, endpoint, netns, err))
		return error_in(err, "network %s", endpoint->network);
	advertise(&plug->network, endpoint);
	return set_up_inside(inside, endpoint, plug, is_outward, err) ||
	       error_in(err, "network %s", endpoint->network);
}

bool attachment_plug(struct attachment *self, struct error *err)
{
	autoclose int netns = -1;
	struct netlink inside;
	bool is_done = true;

	if ((self->endpoints.count > 0 && !hostns_open(&netns, err)) ||
	    !netlink_open(&inside, NETLINK_ROUTE, err))
		return false;
	link_put_up(&inside, LINK_LOOPBACK);
	if (self->endpoints.count == 0)
		is_done = netlink_send(&inside, "bring up lo", err);
	for (size_t i = 0; is_done && i < self->endpoints.count; i++)
		is_done = attachment_plug_one(self, i, &inside, netns, err);
	netlink_close(&inside);
	netlink_close(&self->host);
	is_done = is_done && names_register(self->engine, self->container, &self->endpoints,
					    &self->names, &self->bag, err);
	bag_seal(&self->bag);
	return is_done;
}

/* The end. -------------------------------------------------------------------------------------
 */

bool attachment_release_one(const struct engine *engine, const struct network *network,
			    const char *container, struct error *err)
{
	struct lease_book book;
	bool is_last = false;
	bool is_kept = network->is_predefined || is_shared(network);

	if (!lease_open(engine, network, &book, err))
		return false;

	bool is_done = lease_release(engine, &book, container, is_kept ? NULL : &is_last, err) &&
		       (!is_last || bridge_remove(engine, &book, network, err));

	lease_close(&book);
	return is_done;
}

struct release {
	const struct engine *engine;
	const struct container *container;
};

static bool release_all(void *context, struct error *err)
{
	const struct release *release = context;
	const struct container *container = release->container;
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < container->network_count; i++) {
		struct network network;

		if (!network_find(release->engine, &arena, container->networks[i].name, &network,
				  err)) {
			if (err->kind != ERROR_NOT_FOUND)
				return false;
			continue;
		}
		if (!attachment_release_one(release->engine, &network, container->id, err))
			return error_in(err, "network %s", network.name);
	}
	return true;
}

bool attachment_release(const struct engine *engine, const struct container *container,
			struct error *err)
{
	struct release release = { engine, container };

	if (!container->network_count)
		return true;
	hub_unpublish(engine, container->id);
	if (usernet_is_needed())
		return hub_call(engine, release_all, &release, err);
	return hostns_return(err) && publish_end(engine, container, err) &&
	       release_all(&release, err);
}
