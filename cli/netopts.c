/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/netopts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "engine/endpointopt.h"
#include "engine/link.h"
#include "engine/network.h"
#include "engine/port.h"

#define NETWORKS_MAX 64

bool netopts_check_ip(const char *text, struct error *err)
{
	struct ipaddr address;

	return !*text || (ipaddr_parse(&address, text) && address.family == AF_INET) ||
	       error_set(err, ERROR_INPUT, "invalid IPv4 address: %s", text);
}

bool netopts_check_ip6(const char *text, struct error *err)
{
	static const struct ipnet mapped = { { AF_INET6, { [10] = 0xff, [11] = 0xff } }, 96 };
	struct ipaddr address;

	return !*text ||
	       (ipaddr_parse(&address, text) && address.family == AF_INET6 &&
		!ipnet_has(&mapped, &address)) ||
	       error_set(err, ERROR_INPUT, "invalid IPv6 address: %s", text);
}

static bool is_link_local(const struct ipaddr *address)
{
	static const struct ipnet nets[] = { { { AF_INET, { 169, 254 } }, 16 },
					     { { AF_INET6, { 0xfe, 0x80 } }, 10 } };

	return ipnet_has(&nets[0], address) || ipnet_has(&nets[1], address);
}

bool netopts_check_link_local(const char *text, struct error *err)
{
	struct ipaddr address;

	if (!ipaddr_parse(&address, text))
		return error_set(err, ERROR_INPUT, "invalid link-local IP address: %s", text);
	return is_link_local(&address) ||
	       error_set(err, ERROR_INPUT,
			 "%s is no link-local address (169.254.0.0/16, fe80::/10)", text);
}

/* Docker's words, which are Go's. */
static bool read_priority(const char *text, int64_t *priority, struct error *err)
{
	char *end;

	errno = 0;
	*priority = strtoll(text, &end, 10);
	if (!*text || *end || isspace((unsigned char)*text))
		return error_set(err, ERROR_INPUT, "invalid gw-priority: invalid syntax");
	return errno == 0 || error_set(err, ERROR_INPUT, "invalid gw-priority: value out of range");
}

bool netopts_check_priority(const char *text, struct error *err)
{
	int64_t priority;

	return read_priority(text, &priority, err);
}

bool netopts_check_mac(const char *text, struct error *err)
{
	unsigned char mac[LINK_MAC_SIZE];

	return !*text || link_mac_parse(text, mac) ||
	       error_set(err, ERROR_INPUT, "%s is not a valid mac address", text);
}

/* --network. ----------------------------------------------------------------------------------- */

static bool set_field(struct arena *arena, const char *key, const char *value,
		      struct container_network *network, struct error *err)
{
	if (strcmp(key, "name") == 0) {
		network->name = value;
	} else if (strcmp(key, "alias") == 0) {
		texts_add_in(&network->aliases, arena, value);
	} else if (strcmp(key, "link-local-ip") == 0) {
		texts_add_in(&network->link_local, arena, value);
		return netopts_check_link_local(value, err);
	} else if (strcmp(key, "gw-priority") == 0) {
		return read_priority(value, &network->gw_priority, err);
	} else if (strcmp(key, "ip") == 0) {
		network->ip = value;
		return netopts_check_ip(value, err);
	} else if (strcmp(key, "ip6") == 0) {
		network->ip6 = value;
		return netopts_check_ip6(value, err);
	} else if (strcmp(key, "mac-address") == 0) {
		network->mac = value;
		return netopts_check_mac(value, err);
	} else if (strcmp(key, "driver-opt") == 0) {
		texts_add_in(&network->driver_options, arena, value);
		return endpointopt_check(value, err);
	} else {
		return error_set(err, ERROR_INPUT, "invalid field key %s", key);
	}
	return true;
}

/* "NAME", or fields separated by commas of which one is the name. */
static bool parse(struct arena *arena, const char *text, struct container_network *network,
		  struct error *err)
{
	char *rest = arena_strdup(arena, text);

	*network = (struct container_network){ .name = text, .ip = "", .ip6 = "", .mac = "" };
	if (!strchr(text, '='))
		return true;
	network->name = NULL;
	for (char *pair; (pair = csv_next(&rest));) {
		char *equals = strchr(pair, '=');

		if (!equals)
			return error_set(err, ERROR_INPUT,
					 "invalid field '%s' must be a key=value pair", pair);
		*equals = '\0';
		if (!set_field(arena, pair, equals + 1, network, err))
			return false;
	}
	return network->name || error_set(err, ERROR_INPUT, "network name/id is not specified");
}

bool netopts_check_network(const char *text, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct container_network network;

	if (!*text)
		return error_set(err, ERROR_INPUT, "no name set for network");
	return parse(&arena, text, &network, err);
}

static bool is_user_network(const char *name)
{
	return strcmp(name, NETWORK_BRIDGE) != 0 && !network_is_mode(name);
}

/* What --network says of it, no option of its own may say. */
static bool check_twice(const struct netopts *values, const struct container_network *first,
			struct error *err)
{
	const struct {
		bool is_twice;
		const char *option, *field;
	} pairs[] = {
		{ values->aliases.count && first->aliases.count, "network-alias", "alias" },
		{ values->ip && *values->ip && *first->ip, "ip", "IPv4 address" },
		{ values->ip6 && *values->ip6 && *first->ip6, "ip6", "IPv6 address" },
		{ values->mac && *values->mac && *first->mac, "mac-address", "MAC address" },
		{ values->link_local.count && first->link_local.count, "link-local-ip",
		  "link-local IP addresses" },
	};

	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		if (pairs[i].is_twice)
			return error_set(err, ERROR_INPUT,
					 "conflicting options: cannot specify both --%s and "
					 "per-network %s",
					 pairs[i].option, pairs[i].field);
	}
	return true;
}

/* --ip, --network-alias, --link-local-ip and --mac-address are the first network's. */
static bool add_scalars(const struct netopts *values, struct arena *arena,
			struct container_network *first, struct error *err)
{
	if (!check_twice(values, first, err))
		return false;
	if (values->ip && *values->ip)
		first->ip = values->ip;
	if (values->ip6 && *values->ip6)
		first->ip6 = values->ip6;
	if (values->mac && *values->mac)
		first->mac = values->mac;
	for (size_t i = 0; i < values->aliases.count; i++) {
		if (!set_field(arena, "alias", values->aliases.items[i], first, err))
			return false;
	}
	for (size_t i = 0; i < values->link_local.count; i++) {
		if (!set_field(arena, "link-local-ip", values->link_local.items[i], first, err))
			return false;
	}
	return true;
}

static bool check_aliases(const struct container_network *network, struct error *err)
{
	return is_user_network(network->name) || !network->aliases.count ||
	       error_set(err, ERROR_INPUT,
			 "network-scoped aliases are only supported for user-defined networks");
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct container_network *)a)->name,
		      ((const struct container_network *)b)->name);
}

static bool refuse_mix(const struct container_network *networks, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (network_is_mode(networks[i].name) && count > 1)
			return error_set(err, ERROR_INPUT,
					 "conflicting options: cannot attach both user-defined and "
					 "non-user-defined network-modes: Container cannot be "
					 "connected to network endpoints: %s, %s",
					 networks[0].name, networks[1].name);
		if (i > 0 && strcmp(networks[i].name, networks[i - 1].name) == 0)
			return error_set(err, ERROR_INPUT,
					 "network \"%s\" is specified multiple times",
					 networks[i].name);
	}
	return true;
}

static bool read_networks(const struct netopts *values, struct arena *arena,
			  struct container *container, struct error *err)
{
	size_t count = values->networks.count;
	struct container_network *networks = arena_array(arena, count + 2, sizeof(*networks));

	if (count > NETWORKS_MAX)
		return error_set(err, ERROR_INPUT, "more than %d networks", NETWORKS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!parse(arena, values->networks.items[i], &networks[i], err))
			return false;
	}
	if (count == 0)
		networks[count++] = (struct container_network){
			.name = NETWORK_BRIDGE, .ip = "", .ip6 = "", .mac = ""
		};
	for (size_t i = 0; i < count; i++) {
		if (!*networks[i].name || strcmp(networks[i].name, "default") == 0)
			networks[i].name = NETWORK_BRIDGE;
	}
	container->network = networks[0].name;
	if (!add_scalars(values, arena, &networks[0], err))
		return false;
	for (size_t i = 0; i < (values->links_all ? count : 1); i++) {
		if (is_user_network(networks[i].name))
			networks[i].links = values->links;
	}
	qsort(networks, count, sizeof(*networks), compare);
	for (size_t i = 0; i < count; i++) {
		if (!check_aliases(&networks[i], err))
			return false;
	}
	if (!refuse_mix(networks, count, err))
		return false;
	container->networks = networks;
	container->network_count = network_is_mode(container->network) ? 0 : count;
	return true;
}

static bool is_shared(const char *mode)
{
	return strcmp(mode, "container") == 0 ||
	       strncmp(mode, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) == 0;
}

bool netopts_read(const struct netopts *values, struct arena *arena, struct container *container,
		  struct error *err)
{
	if (!read_networks(values, arena, container, err))
		return false;
	return !network_is_mode(container->network) || is_shared(container->network) ||
	       !values->links.count ||
	       error_set(err, ERROR_INPUT, "links are only supported for user-defined networks");
}

/* Conflicts. ---------------------------------------------------------------------------------- */

static bool check_shared(const struct netopts *values, const struct container *container,
			 struct error *err)
{
	const struct {
		bool is_given;
		const char *what;
	} conflicts[] = {
		{ *container->hostname || *container->domainname, "hostname" },
		{ values->links.count > 0, "container type network can't be used with links. This "
					   "would result in undefined behavior" },
		{ container->dns.count > 0, "dns" },
		{ container->extra_hosts.count > 0, "custom host-to-IP mapping" },
		{ values->mac && *values->mac, "mac-address" },
		{ values->publish.count > 0 || values->publishes_all,
		  "port publishing and the container type network mode" },
		{ container->exposed_ports.count > 0,
		  "port exposing and the container type network mode" },
	};

	for (size_t i = 0; i < COUNT_OF(conflicts); i++) {
		const char *what = conflicts[i].what;

		if (conflicts[i].is_given)
			return error_set(err, ERROR_INPUT, "conflicting options: %s%s", what,
					 strstr(what, "network") ? "" : " and the network mode");
	}
	return true;
}

static bool check_addresses(const struct container *container, struct error *err)
{
	size_t count = container->network_count ? container->network_count : 1;

	for (size_t i = 0; i < count; i++) {
		const struct container_network *network = &container->networks[i];

		if ((*network->ip || *network->ip6) && !is_user_network(network->name))
			return error_set(err, ERROR_INPUT,
					 "user specified IP address is supported on user defined "
					 "networks only");
	}
	return true;
}

static bool check_conflicts(const struct netopts *values, const struct container *container,
			    struct error *err)
{
	const char *mode = container->network;

	if (is_shared(mode)) {
		if (strlen(mode) <= strlen(NETWORK_CONTAINER))
			return error_set(err, ERROR_INPUT,
					 "Invalid network mode: invalid container format "
					 "container:<name|id>");
		return check_shared(values, container, err);
	}
	if (strcmp(mode, NETWORK_HOST) == 0 && values->mac && *values->mac)
		return error_set(err, ERROR_INPUT,
				 "conflicting options: mac-address and the network mode");
	return true;
}

/* Ports. -------------------------------------------------------------------------------------- */

/* A bit for each port there is: a range may be all of them. */
struct seen {
	uint64_t ports[PORT_PROTOCOLS][PORT_MAX / 64 + 1];
};

static void expose(struct arena *arena, const struct port_spec *spec, struct seen *seen,
		   struct texts *exposed)
{
	for (unsigned int port = spec->inside.first; port <= spec->inside.last; port++) {
		uint64_t *word = &seen->ports[spec->protocol][port / 64];
		uint64_t bit = 1ULL << port % 64;

		if (!(*word & bit))
			texts_add(exposed, arena_printf(arena, "%u/%s", port,
							port_protocol_name(spec->protocol)));
		*word |= bit;
	}
}

/* What is published is exposed too. */
static bool read_ports(const struct netopts *values, struct arena *arena,
		       struct container *container, struct error *err)
{
	autotexts struct texts asked = container->exposed_ports;
	struct texts *exposed = &container->exposed_ports;
	struct seen seen = { 0 };
	struct port_spec spec;

	*exposed = (struct texts){ 0 };
	for (size_t i = 0; i < asked.count; i++) {
		if (!port_parse_exposed(asked.items[i], &spec, err))
			return false;
		expose(arena, &spec, &seen, exposed);
	}
	for (size_t i = 0; i < values->publish.count; i++) {
		if (!port_parse(values->publish.items[i], &spec, err))
			return false;
		expose(arena, &spec, &seen, exposed);
	}
	texts_add_all(&container->publish, values->publish.items, values->publish.count);
	if (!is_user_network(container->network))
		texts_add_all(&container->links, values->links.items, values->links.count);
	container->publishes_all = values->publishes_all;
	return true;
}

bool netopts_complete(const struct netopts *values, struct arena *arena,
		      struct container *container, struct error *err)
{
	return check_addresses(container, err) && check_conflicts(values, container, err) &&
	       read_ports(values, arena, container, err);
}
