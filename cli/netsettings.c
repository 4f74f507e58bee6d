/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/netsettings.h"

#include <stdlib.h>
#include <string.h>

#include "engine/connect.h"
#include "engine/linktarget.h"
#include "engine/network.h"
#include "engine/port.h"

/* "0.0.0.0:8080", "[::]:8080" */
static const char *host_port(struct arena *arena, const struct published *port)
{
	char text[IPADDR_TEXT_MAX];

	ipaddr_text(&port->address, text);
	return port->address.family == AF_INET6
		       ? arena_printf(arena, "[%s]:%d", text, port->outside)
		       : arena_printf(arena, "%s:%d", text, port->outside);
}

/* Ports. -------------------------------------------------------------------------------------- */

static void add_binding(const struct jsonmaker *list, const char *address, const char *port)
{
	struct jsonmaker item = jsonmaker_nested(list, NULL, JSON_OBJECT);

	jsonmaker_text(&item, "HostIp", address);
	jsonmaker_text(&item, "HostPort", port);
}

static const char *port_key(struct arena *arena, unsigned int port, enum port_protocol protocol)
{
	return arena_printf(arena, "%u/%s", port, port_protocol_name(protocol));
}

static bool is_published(const struct endpoints *endpoints, const struct port_spec *spec)
{
	for (size_t i = 0; i < endpoints->port_count; i++) {
		const struct published *port = &endpoints->ports[i];

		if (port->inside == spec->inside.first && port->protocol == spec->protocol)
			return true;
	}
	return false;
}

/* {"80/tcp": [{"HostIp": …}], "99/tcp": null} */
static void add_ports(const struct jsonmaker *settings, const struct container *container,
		      const struct endpoints *endpoints)
{
	struct jsonmaker ports = jsonmaker_nested(settings, "Ports", JSON_OBJECT);
	const char *last = "";
	struct jsonmaker list = { 0 };
	char text[IPADDR_TEXT_MAX];
	struct error ignored;

	for (size_t i = 0; i < endpoints->port_count; i++) {
		const struct published *port = &endpoints->ports[i];
		const char *key = port_key(settings->arena, port->inside, port->protocol);

		if (strcmp(key, last) != 0)
			list = jsonmaker_nested(&ports, key, JSON_ARRAY);
		last = key;
		add_binding(&list, ipaddr_text(&port->address, text),
			    port->outside ? arena_printf(settings->arena, "%d", port->outside)
					  : "");
	}
	for (size_t i = 0; i < container->exposed_ports.count; i++) {
		const char *key = container->exposed_ports.items[i];
		struct port_spec spec;

		if (!port_parse_exposed(key, &spec, &ignored) || !is_published(endpoints, &spec))
			jsonmaker_text(&ports, key, NULL);
	}
}

/* True if the first `count` values of -p name the port too. */
static bool is_named(const struct port_spec *specs, size_t count, enum port_protocol protocol,
		     unsigned int port)
{
	for (size_t i = 0; i < count; i++) {
		if (specs[i].protocol == protocol && port >= specs[i].inside.first &&
		    port <= specs[i].inside.last)
			return true;
	}
	return false;
}

/* One port of -p; all that name the same port of the container's are one list. */
static void add_wish(const struct jsonmaker *bindings, const struct port_spec *spec,
		     unsigned int offset, bool has_list)
{
	const char *key = port_key(bindings->arena, spec->inside.first + offset, spec->protocol);
	struct jsonmaker list = { .arena = bindings->arena, .parent = NULL };
	char text[IPADDR_TEXT_MAX];
	const char *outside = "";

	for (struct json *member = has_list ? bindings->parent->child : NULL; member;
	     member = member->next) {
		if (strcmp(member->key, key) == 0)
			list.parent = member;
	}
	if (!list.parent)
		list = jsonmaker_nested(bindings, key, JSON_ARRAY);
	if (spec->has_outside && spec->inside.first == spec->inside.last &&
	    spec->outside.first != spec->outside.last)
		outside = arena_printf(bindings->arena, "%d-%d", spec->outside.first,
				       spec->outside.last);
	else if (spec->has_outside)
		outside = arena_printf(bindings->arena, "%u", spec->outside.first + offset);
	add_binding(&list, ipaddr_text(&spec->address, text), outside);
}

static void add_links(const struct jsonmaker *host, const struct engine *engine,
		      const struct container *container)
{
	autotexts struct texts links = { 0 };

	for (size_t i = 0; i < container->links.count; i++)
		texts_add(&links, link_target_text(engine, host->arena, container,
						   container->links.items[i]));
	jsonmaker_texts(host, "Links", links.items, links.count, true);
}

void netsettings_add_wishes(const struct jsonmaker *host, const struct engine *engine,
			    const struct container *container)
{
	struct jsonmaker bindings = jsonmaker_nested(host, "PortBindings", JSON_OBJECT);
	struct port_spec *specs =
		arena_array(host->arena, container->publish.count + 1, sizeof(*specs));
	size_t count = 0;
	struct error ignored; /* checked when the container was created */

	for (size_t i = 0; i < container->publish.count; i++) {
		struct port_spec *spec = &specs[count];

		if (!port_parse(container->publish.items[i], spec, &ignored))
			continue;
		for (unsigned int port = spec->inside.first; port <= spec->inside.last; port++)
			add_wish(&bindings, spec, port - spec->inside.first,
				 is_named(specs, count, spec->protocol, port));
		count++;
	}
	jsonmaker_bool(host, "PublishAllPorts", container->publishes_all);
	add_links(host, engine, container);
}

/* The cell PORTS. Docker's way: neighbours are one range where both sides are the same; what is
 * translated to another number comes last, each by itself. */

struct group {
	const char *address; /* "" for what is only exposed */
	enum port_protocol protocol;
	unsigned int first, last;
};

struct groups {
	struct arena *arena;
	struct group *items;
	size_t count;
	const char *done, *translated; /* what is finished: groups, single mappings */
};

static const char *joined(struct arena *arena, const char *list, const char *item)
{
	return *list ? arena_printf(arena, "%s, %s", list, item) : item;
}

static const char *group_text(struct arena *arena, const struct group *group)
{
	const char *protocol = port_protocol_name(group->protocol);
	const char *range = group->first == group->last
				    ? arena_printf(arena, "%u", group->first)
				    : arena_printf(arena, "%u-%u", group->first, group->last);

	if (!*group->address)
		return arena_printf(arena, "%s/%s", range, protocol);
	return strchr(group->address, ':') ? arena_printf(arena, "[%s]:%s->%s/%s", group->address,
							  range, range, protocol)
					   : arena_printf(arena, "%s:%s->%s/%s", group->address,
							  range, range, protocol);
}

static void add_to_group(struct groups *groups, const char *address, enum port_protocol protocol,
			 unsigned int port)
{
	for (size_t i = 0; i < groups->count; i++) {
		struct group *group = &groups->items[i];

		if (strcmp(group->address, address) != 0 || group->protocol != protocol)
			continue;
		if (port != group->last + 1) {
			groups->done = joined(groups->arena, groups->done,
					      group_text(groups->arena, group));
			group->first = port;
		}
		group->last = port;
		return;
	}
	groups->items[groups->count++] = (struct group){ address, protocol, port, port };
}

static void add_published(struct groups *groups, const struct published *port)
{
	char text[IPADDR_TEXT_MAX];

	if (port->inside == port->outside) {
		add_to_group(groups, arena_strdup(groups->arena, ipaddr_text(&port->address, text)),
			     port->protocol, port->inside);
		return;
	}
	groups->translated =
		joined(groups->arena, groups->translated,
		       arena_printf(groups->arena, "%s->%d/%s", host_port(groups->arena, port),
				    port->inside, port_protocol_name(port->protocol)));
}

/* Not those of its own that the host, or another container, has, or that nothing leads to. */
static bool has_ports(const struct container *container)
{
	return container->network_count > 0 || !network_is_mode(container->network);
}

static int compare_specs(const void *a, const void *b)
{
	const struct port_spec *left = a, *right = b;

	if (left->inside.first != right->inside.first)
		return left->inside.first < right->inside.first ? -1 : 1;
	return (int)left->protocol - (int)right->protocol;
}

static void add_exposed(struct groups *groups, const struct container *container,
			const struct endpoints *endpoints)
{
	size_t count = 0;
	struct port_spec *specs =
		arena_array(groups->arena, container->exposed_ports.count + 1, sizeof(*specs));
	struct error ignored;

	for (size_t i = 0; i < container->exposed_ports.count; i++) {
		const char *text = container->exposed_ports.items[i];

		if (port_parse_exposed(text, &specs[count], &ignored) &&
		    !is_published(endpoints, &specs[count]))
			count++;
	}
	qsort(specs, count, sizeof(*specs), compare_specs);
	for (size_t i = 0; i < count; i++)
		add_to_group(groups, "", specs[i].protocol, specs[i].inside.first);
}

const char *netsettings_ports_cell(const struct engine *engine, struct arena *arena,
				   const struct container *container)
{
	struct groups groups = { .arena = arena, .done = "", .translated = "" };
	struct endpoints endpoints = { 0 };

	if (!has_ports(container) || (!container->exposed_ports.count && !container->publish.count))
		return "";
	endpoints_read_open(engine, arena, container->id, &endpoints);
	groups.items = arena_array(arena, endpoints.port_count + container->exposed_ports.count + 1,
				   sizeof(*groups.items));
	add_exposed(&groups, container, &endpoints);
	for (size_t i = 0; i < endpoints.port_count; i++)
		add_published(&groups, &endpoints.ports[i]);
	for (size_t i = 0; i < groups.count; i++)
		groups.done = joined(arena, groups.done, group_text(arena, &groups.items[i]));
	return *groups.translated ? joined(arena, groups.done, groups.translated) : groups.done;
}

const char *netsettings_networks_cell(struct arena *arena, const struct container *container)
{
	const char *line = "";

	if (connect_is_on_none(container))
		return NETWORK_NONE;
	if (container->network_count == 0)
		return network_is_mode(container->network) && !container->has_left_none
			       ? container->network
			       : "";
	for (size_t i = 0; i < container->network_count; i++)
		line = *line ? arena_printf(arena, "%s,%s", line, container->networks[i].name)
			     : container->networks[i].name;
	return line;
}

/* Networks. ----------------------------------------------------------------------------------- */

static void add_addresses(const struct jsonmaker *maker, const struct endpoint *endpoint)
{
	static const struct endpoint nowhere;
	char text[IPADDR_TEXT_MAX], mac[LINK_MAC_TEXT_MAX] = "";

	if (endpoint)
		link_mac_text(endpoint->mac, mac);
	else
		endpoint = &nowhere;

	const struct ipnet *ipv4 = &endpoint->addresses[NETWORK_IPV4];
	const struct ipnet *ipv6 = &endpoint->addresses[NETWORK_IPV6];
	const struct ipaddr none = { 0 };

	jsonmaker_text(maker, "EndpointID", endpoint->id);
	jsonmaker_text(
		maker, "Gateway",
		ipaddr_text(endpoint->is_internal ? &none : &endpoint->gateways[NETWORK_IPV4],
			    text));
	jsonmaker_text(maker, "GlobalIPv6Address", ipaddr_text(&ipv6->address, text));
	jsonmaker_number(maker, "GlobalIPv6PrefixLen", ipv6->prefix);
	jsonmaker_text(maker, "IPAddress", ipaddr_text(&ipv4->address, text));
	jsonmaker_number(maker, "IPPrefixLen", ipv4->prefix);
	jsonmaker_text(maker, "IPv6Gateway", ipaddr_text(&endpoint->gateways[NETWORK_IPV6], text));
	jsonmaker_text(maker, "MacAddress", mac);
}

static const struct endpoint *endpoint_of(const struct endpoints *endpoints, const char *network)
{
	for (size_t i = 0; i < endpoints->count; i++) {
		if (strcmp(endpoints->items[i].network, network) == 0)
			return &endpoints->items[i];
	}
	return NULL;
}

static void add_ipam(const struct jsonmaker *maker, const struct container_network *wanted)
{
	if (!*wanted->ip && !*wanted->ip6 && !wanted->link_local.count) {
		jsonmaker_text(maker, "IPAMConfig", NULL);
		return;
	}
	struct jsonmaker ipam = jsonmaker_nested(maker, "IPAMConfig", JSON_OBJECT);
	if (*wanted->ip)
		jsonmaker_text(&ipam, "IPv4Address", wanted->ip);
	if (*wanted->ip6)
		jsonmaker_text(&ipam, "IPv6Address", wanted->ip6);
	if (wanted->link_local.count)
		jsonmaker_texts(&ipam, "LinkLocalIPs", wanted->link_local.items,
				wanted->link_local.count, true);
}

/* Docker shows the short ID among the aliases of user networks. */
static void add_aliases(const struct jsonmaker *maker, const struct container *container,
			const struct container_network *wanted)
{
	if (strcmp(wanted->name, NETWORK_BRIDGE) == 0 || network_is_mode(wanted->name)) {
		jsonmaker_text(maker, "Aliases", NULL);
		return;
	}
	struct jsonmaker list = jsonmaker_nested(maker, "Aliases", JSON_ARRAY);
	for (size_t i = 0; i < wanted->aliases.count; i++)
		jsonmaker_text(&list, NULL, wanted->aliases.items[i]);
	jsonmaker_text(&list, NULL,
		       arena_printf(maker->arena, "%.*s", CONTAINER_SHORT_ID, container->id));
}

static void add_driver_options(const struct jsonmaker *maker,
			       const struct container_network *wanted)
{
	if (wanted->driver_options.count)
		jsonmaker_pairs(maker, "DriverOpts", &wanted->driver_options);
	else
		jsonmaker_text(maker, "DriverOpts", NULL);
}

static void add_network(const struct jsonmaker *networks, const struct engine *engine,
			const struct container *container, const struct container_network *wanted,
			const struct endpoints *endpoints)
{
	struct jsonmaker own = jsonmaker_nested(networks, wanted->name, JSON_OBJECT);
	const struct endpoint *endpoint = endpoint_of(endpoints, wanted->name);
	struct network network;
	struct error ignored; /* it may be gone: docker shows no ID then */

	add_ipam(&own, wanted);
	jsonmaker_texts(&own, "Links", wanted->links.items, wanted->links.count, true);
	add_aliases(&own, container, wanted);
	jsonmaker_text(&own, "NetworkID",
		       endpoint ? endpoint->network_id
		       : network_find(engine, networks->arena, wanted->name, &network, &ignored)
			       ? network.id
			       : "");
	add_addresses(&own, endpoint);
	add_driver_options(&own, wanted);
}

void netsettings_add(const struct jsonmaker *object, const struct engine *engine,
		     const struct container *container, pid_t pid)
{
	struct jsonmaker settings = jsonmaker_nested(object, "NetworkSettings", JSON_OBJECT);
	struct endpoints endpoints = { 0 };

	if (pid)
		endpoints_read_open(engine, object->arena, container->id, &endpoints);
	jsonmaker_text(&settings, "Bridge", "");
	jsonmaker_text(&settings, "SandboxID", pid ? container->id : "");
	/* What can be joined: docker has a file, we have none that would outlive the container. */
	jsonmaker_text(&settings, "SandboxKey",
		       pid ? arena_printf(object->arena, "/proc/%d/ns/net", (int)pid) : "");
	jsonmaker_bool(&settings, "HairpinMode", false);
	jsonmaker_text(&settings, "LinkLocalIPv6Address", "");
	jsonmaker_number(&settings, "LinkLocalIPv6PrefixLen", 0);
	jsonmaker_text(&settings, "SecondaryIPAddresses", NULL);
	jsonmaker_text(&settings, "SecondaryIPv6Addresses", NULL);
	if (pid && has_ports(container))
		add_ports(&settings, container, &endpoints);
	else
		(void)jsonmaker_nested(&settings, "Ports", JSON_OBJECT);
	/* The top level is about the default network alone. */
	add_addresses(&settings, endpoint_of(&endpoints, NETWORK_BRIDGE));

	struct jsonmaker networks = jsonmaker_nested(&settings, "Networks", JSON_OBJECT);

	for (size_t i = 0; i < container->network_count; i++)
		add_network(&networks, engine, container, &container->networks[i], &endpoints);
	if (strcmp(container->network, NETWORK_HOST) == 0 || connect_is_on_none(container)) {
		const struct container_network mode = {
			.name = connect_is_on_none(container) ? NETWORK_NONE : NETWORK_HOST,
			.ip = "",
			.ip6 = "",
			.mac = "",
		};

		add_network(&networks, engine, container, &mode, &endpoints);
	}
}
