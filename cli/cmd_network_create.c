/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networkverbs.h"

#include <stdio.h>
#include <string.h>

#include "engine/network.h"

/*
 * docker network create.
 */

#define NET_TEXT_MAX (IPADDR_TEXT_MAX + 4) /* with "/128" */

struct create_values {
	const char *driver;
	const char *ipam, *scope; /* looked at, without effect */
	struct texts subnets, gateways, ranges, reserved, options, ipam_options, labels;
	const char *config_from;
	bool is_internal, has_ipv6, is_without_ipv4, is_attachable, is_config_only;
};

/* Every one of "A,B,C": that is how docker reads these options, each of which may also be given
 * again. Nothing is none. */
static bool check_each(const char *text, bool (*check)(const char *text, struct error *err),
		       struct error *err)
{
	autofree char *copy = mem_strdup(text);
	char *rest = copy;

	for (char *one; *text && (one = strsep(&rest, ","));) {
		if (!check(one, err))
			return false;
	}
	return true;
}

static struct texts each_of(struct arena *arena, const struct texts *list)
{
	struct texts all = { 0 };

	for (size_t i = 0; i < list->count; i++) {
		char *rest = arena_strdup(arena, list->items[i]);

		for (char *one; *list->items[i] && (one = strsep(&rest, ","));)
			texts_add_in(&all, arena, one);
	}
	return all;
}

static bool check_subnet(const char *text, struct error *err)
{
	struct ipnet net;

	return ipnet_parse(&net, text) ||
	       error_set(err, ERROR_INPUT, "invalid CIDR address: %s", text);
}

static bool check_subnets(const char *text, struct error *err)
{
	return check_each(text, check_subnet, err);
}

static bool check_address(const char *text, struct error *err)
{
	struct ipaddr address;

	return ipaddr_parse(&address, text) ||
	       error_set(err, ERROR_INPUT, "invalid IP address: %s", text);
}

/* With the subnet's prefix or without. */
static bool parse_gateway(const char *text, struct ipaddr *gateway)
{
	struct ipnet net;

	if (!ipnet_parse(&net, text))
		return ipaddr_parse(gateway, text);
	autofree char *bare = mem_strdup(text);
	bare[strcspn(bare, "/")] = '\0';
	return ipaddr_parse(gateway, bare);
}

static bool check_gateway(const char *text, struct error *err)
{
	struct ipaddr address;

	return parse_gateway(text, &address) || check_address(text, err);
}

static bool check_gateways(const char *text, struct error *err)
{
	return check_each(text, check_gateway, err);
}

static bool check_pair(const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');

	return (equals && equals > text) ||
	       error_set(err, ERROR_INPUT, "invalid argument: %s is not KEY=VALUE", text);
}

static bool check_option(const char *text, struct error *err)
{
	return (*text && *text != '=') || error_set(err, ERROR_INPUT, "an option needs a name");
}

static bool check_reserved(const char *text, struct error *err)
{
	return check_pair(text, err) && check_address(strchr(text, '=') + 1, err);
}

static bool check_ipam(const char *text, struct error *err)
{
	return !*text || strcmp(text, "default") == 0 ||
	       error_set(err, ERROR_NOT_FOUND, "plugin \"%s\" not found", text);
}

static bool check_scope(const char *text, struct error *err)
{
	return !*text || strcmp(text, "local") == 0 ||
	       error_set(err, ERROR_UNSUPPORTED,
			 "cannot create a %s scoped network when swarm is not active", text);
}

static const struct opt create_opts[] = {
	{ "attachable", 0, OPT_BOOL, offsetof(struct create_values, is_attachable), NULL,
	  "Enable manual container attachment", NULL },
	{ "aux-address", 0, OPT_LIST, offsetof(struct create_values, reserved), "map",
	  "Auxiliary IPv4 or IPv6 addresses used by Network driver", check_reserved },
	{ "driver", 'd', OPT_TEXT, offsetof(struct create_values, driver), "string",
	  "Driver to manage the Network (default \"bridge\")", NULL },
	{ "gateway", 0, OPT_LIST, offsetof(struct create_values, gateways), "strings",
	  "IPv4 or IPv6 Gateway for the master subnet", check_gateways },
	{ "internal", 0, OPT_BOOL, offsetof(struct create_values, is_internal), NULL,
	  "Restrict external access to the network", NULL },
	{ "ip-range", 0, OPT_LIST, offsetof(struct create_values, ranges), "strings",
	  "Allocate container ip from a sub-range", check_subnets },
	{ "config-from", 0, OPT_TEXT, offsetof(struct create_values, config_from), "string",
	  "The network from which to copy the configuration", NULL },
	{ "config-only", 0, OPT_BOOL, offsetof(struct create_values, is_config_only), NULL,
	  "Create a configuration only network", NULL },
	{ "ingress", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "ipam-driver", 0, OPT_TEXT, offsetof(struct create_values, ipam), "string",
	  "IP Address Management Driver (default \"default\")", check_ipam },
	{ "ipam-opt", 0, OPT_LIST, offsetof(struct create_values, ipam_options), "map",
	  "Set IPAM driver specific options", check_option },
	{ "ipv4", 0, OPT_UNLESS, offsetof(struct create_values, is_without_ipv4), NULL, NULL,
	  NULL },
	{ "ipv6", 0, OPT_BOOL, offsetof(struct create_values, has_ipv6), NULL,
	  "Enable IPv6 networking", NULL },
	{ "label", 0, OPT_LIST, offsetof(struct create_values, labels), "list",
	  "Set metadata on a network", opt_check_label },
	{ "opt", 'o', OPT_LIST, offsetof(struct create_values, options), "map",
	  "Set driver specific options", check_option },
	{ "scope", 0, OPT_TEXT, offsetof(struct create_values, scope), "string", NULL,
	  check_scope },
	{ "subnet", 0, OPT_LIST, offsetof(struct create_values, subnets), "strings",
	  "Subnet in CIDR format that represents a network segment", check_subnets },
	{ .name = NULL },
};

static enum network_family family_of(const struct ipaddr *address)
{
	return address->family == AF_INET6 ? NETWORK_IPV6 : NETWORK_IPV4;
}

static const char *net_text(const struct ipnet *net, char text[NET_TEXT_MAX])
{
	char address[IPADDR_TEXT_MAX];

	snprintf(text, NET_TEXT_MAX, "%s/%d", ipaddr_text(&net->address, address), net->prefix);
	return text;
}

static bool add_subnets(const struct create_values *values, struct network *network,
			struct error *err)
{
	for (size_t i = 0; i < values->subnets.count; i++) {
		struct network_pool *pool;
		struct ipnet net;

		if (!ipnet_parse(&net, values->subnets.items[i]))
			return check_subnet(values->subnets.items[i], err);
		pool = &network->pools[family_of(&net.address)];
		if (pool->is_given)
			return error_set(err, ERROR_INPUT,
					 "multiple overlapping subnet configuration is not "
					 "supported: one subnet of each family");
		pool->subnet = net;
		pool->is_given = true;
	}
	return true;
}

static bool add_ranges(const struct create_values *values, struct network *network,
		       struct error *err)
{
	for (size_t i = 0; i < values->ranges.count; i++) {
		const char *text = values->ranges.items[i];
		char first[NET_TEXT_MAX], subnet[NET_TEXT_MAX];
		struct network_pool *pool;
		struct ipnet net;

		if (!ipnet_parse(&net, text))
			return check_subnet(text, err);
		pool = &network->pools[family_of(&net.address)];
		if (!pool->is_given || !ipnet_has(&pool->subnet, &net.address))
			return error_set(err, ERROR_INPUT, "no matching subnet for range %s", text);
		if (pool->range.address.family)
			return error_set(err, ERROR_INPUT,
					 "cannot configure multiple ranges (%s, %s) on the same "
					 "subnet (%s)",
					 text, net_text(&pool->range, first),
					 net_text(&pool->subnet, subnet));
		pool->range = net;
	}
	return true;
}

static bool add_gateways(const struct create_values *values, struct network *network,
			 struct error *err)
{
	for (size_t i = 0; i < values->gateways.count; i++) {
		const char *text = values->gateways.items[i];
		char first[IPADDR_TEXT_MAX], subnet[NET_TEXT_MAX];
		struct network_pool *pool;
		struct ipaddr address;

		if (!parse_gateway(text, &address))
			return check_address(text, err);
		pool = &network->pools[family_of(&address)];
		if (!pool->is_given || !ipnet_has(&pool->subnet, &address))
			return error_set(err, ERROR_INPUT, "no matching subnet for gateway %s",
					 text);
		if (pool->gateway.family)
			return error_set(err, ERROR_INPUT,
					 "cannot configure multiple gateways (%s, %s) for the same "
					 "subnet (%s)",
					 text, ipaddr_text(&pool->gateway, first),
					 net_text(&pool->subnet, subnet));
		pool->gateway = address;
	}
	return true;
}

static bool read_pools(const struct create_values *values, struct network *network,
		       struct error *err)
{
	if (!values->subnets.count && (values->ranges.count || values->gateways.count))
		return error_set(err, ERROR_INPUT,
				 "every ip-range or gateway must have a corresponding subnet");
	if (!add_subnets(values, network, err) || !add_ranges(values, network, err) ||
	    !add_gateways(values, network, err))
		return false;
	for (size_t i = 0; i < values->reserved.count; i++) {
		const char *text = strchr(values->reserved.items[i], '=') + 1;
		struct ipaddr address;

		if (!ipaddr_parse(&address, text))
			return check_address(text, err);
		const struct network_pool *pool = &network->pools[family_of(&address)];
		if (!pool->is_given || !ipnet_has(&pool->subnet, &address))
			return error_set(err, ERROR_INPUT, "no matching subnet for aux-address %s",
					 text);
	}
	return true;
}

static int run_create(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct create_values *given = of;
	struct create_values split = *given;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct network network = {
		.name = arguments->items[0],
		.driver = given->driver && *given->driver ? given->driver : "bridge",
		.reserved = given->reserved,
		.options = given->options,
		.ipam_options = given->ipam_options,
		.labels = given->labels,
		.is_internal = given->is_internal,
		.has_ipv6 = given->has_ipv6,
		.is_without_ipv4 = given->is_without_ipv4,
		.is_attachable = given->is_attachable,
		.is_config_only = given->is_config_only,
		.config_from = given->config_from ? given->config_from : "",
	};
	struct error err;

	split.subnets = each_of(&arena, &given->subnets);
	split.ranges = each_of(&arena, &given->ranges);
	split.gateways = each_of(&arena, &given->gateways);
	if (!read_pools(&split, &network, &err))
		return command_failed_plainly(&err);
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !network_create(&engine, &arena, &network, &err))
		return command_failed(&err);
	puts(network.id);
	return 0;
}

const struct command cmd_network_create = {
	.name = "docker network create",
	.usage = "[OPTIONS] NETWORK",
	.summary = "Create a network",
	.opts = create_opts,
	.values_size = sizeof(struct create_values),
	.least = 1,
	.most = 1,
	.run = run_create,
};
