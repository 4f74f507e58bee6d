/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networkverbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/dockerconfig.h"
#include "cli/filter.h"
#include "cli/inspection.h"
#include "cli/listing.h"
#include "cli/moment.h"
#include "cli/networkrows.h"
#include "engine/bridge.h"
#include "engine/lease.h"
#include "engine/names.h"
#include "image/config.h"

/*
 * Networks: create, list, look at, remove.
 */

#define NET_TEXT_MAX (IPADDR_TEXT_MAX + 4) /* with "/128" */

/* create. ------------------------------------------------------------------------------------- */

struct create_values {
	const char *driver;
	const char *ipam, *scope; /* looked at, without effect */
	struct texts subnets, gateways, ranges, reserved, options, labels;
	bool is_internal, has_ipv6, is_without_ipv4, is_attachable;
};

/* Every one of "A,B,C": that is how docker reads these options, each of which may also be given
 * again. */
static bool check_each(const char *text, bool (*check)(const char *text, struct error *err),
		       struct error *err)
{
	autofree char *copy = mem_strdup(text);
	char *rest = copy;

	for (char *one; (one = strsep(&rest, ","));) {
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

		for (char *one; (one = strsep(&rest, ","));)
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
	{ "config-from", 0, OPT_MISSING_TEXT, 0, "string", NULL, NULL },
	{ "config-only", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "ingress", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "ipam-driver", 0, OPT_TEXT, offsetof(struct create_values, ipam), "string",
	  "IP Address Management Driver (default \"default\")", check_ipam },
	{ "ipam-opt", 0, OPT_IGNORED_TEXT, 0, "map", NULL, NULL },
	{ "ipv4", 0, OPT_UNLESS, offsetof(struct create_values, is_without_ipv4), NULL, NULL,
	  NULL },
	{ "ipv6", 0, OPT_BOOL, offsetof(struct create_values, has_ipv6), NULL,
	  "Enable IPv6 networking", NULL },
	{ "label", 0, OPT_LIST, offsetof(struct create_values, labels), "list",
	  "Set metadata on a network", NULL },
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
		.labels = given->labels,
		.is_internal = given->is_internal,
		.has_ipv6 = given->has_ipv6,
		.is_attachable = given->is_attachable,
	};
	struct error err;

	if (given->is_without_ipv4) {
		error_set(&err, ERROR_UNSUPPORTED,
			  "--ipv4=false is not supported: every network has IPv4 addresses");
		return command_failed_plainly(&err);
	}
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

/* ls. ----------------------------------------------------------------------------------------- */

struct list_values {
	bool is_quiet, is_whole;
	struct texts filters;
	const char *format;
};

static const struct opt list_opts[] = {
	{ "filter", 'f', OPT_LIST, offsetof(struct list_values, filters), "filter",
	  "Provide filter values (e.g. 'driver=bridge')", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct list_values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct list_values, is_whole), NULL,
	  "Do not truncate the output", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct list_values, is_quiet), NULL,
	  "Only display network IDs", NULL },
	{ .name = NULL },
};

static int run_ls(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const struct listing_field fields[] = {
		{ "ID", "NETWORK ID" }, { "Name", "NAME" },
		{ "Driver", "DRIVER" }, { "Scope", "SCOPE" },
		{ "IPv6", "IPV6" },     { "Internal", "INTERNAL" },
		{ "IPv4", "IPV4" },     { "CreatedAt", "CREATED AT" },
		{ "Labels", "LABELS" }, { .name = NULL }
	};
	static const struct listing listing = {
		.fields = fields,
		.table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
		.quiet = "{{.ID}}",
		.raw = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: "
		       "{{.Scope}}\n",
		.raw_quiet = "network_id: {{.ID}}",
		.type = "*network.networkContext"
	};
	static const char *const known[] = { "name", "id",       "driver", "scope",
					     "type", "dangling", "label",  NULL };
	const struct list_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const char *format = values->format;
	const struct json *rows;
	struct error err;

	(void)arguments;
	if (!values->is_quiet)
		format = dockerconfig_choice(&arena, cli->docker_config, "networksFormat", format);
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !filter_names(&values->filters, known, &err) ||
	    !networkrows_make(&engine, &arena, &values->filters, values->is_whole, &rows, &err))
		return command_failed(&err);
	return listing_print(&listing, format, values->is_quiet, rows, &err)
		       ? 0
		       : command_failed_plainly(&err);
}

/* inspect. ------------------------------------------------------------------------------------ */

struct inspect_values {
	const char *format;
};

static const struct opt inspect_opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct inspect_values, format), "string",
	  "Format output using a custom template", NULL },
	{ "verbose", 'v', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

static int run_inspect(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct inspect_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct json *objects = json_new(&arena, NULL, NULL, JSON_ARRAY, NULL);
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		struct network network;

		if (network_find(&engine, &arena, arguments->items[i], &network, &err))
			networkrows_inspect(&engine, &arena, objects, &network);
		else
			code = command_failed(&err);
	}
	return inspection_finish(values->format, objects, code);
}

/* rm and prune. ------------------------------------------------------------------------------- */

struct rm_values {
	bool is_forced;
};

static const struct opt rm_opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct rm_values, is_forced), NULL,
	  "Do not error if the network does not exist", NULL },
	{ .name = NULL },
};

/* Under the lock of its leases, so that nobody joins meanwhile. */
static bool remove_locked(const struct engine *engine, const struct lease_book *book,
			  struct arena *arena, const struct network *network, struct error *err)
{
	autotexts struct texts ids = { 0 };

	lease_holders(engine, network, arena, &ids);
	if (ids.count)
		return error_set(err, ERROR_EXISTS,
				 "error while removing network: network %s id %s has active "
				 "endpoints",
				 network->name, network->id);
	return bridge_remove(engine, book, network, err) && network_remove(engine, network, err);
}

static bool remove_network(const struct engine *engine, struct arena *arena,
			   const struct network *network, struct error *err)
{
	struct lease_book book;

	if (network->is_predefined)
		return error_set(err, ERROR_DENIED,
				 "%s is a pre-defined network and cannot be removed",
				 network->name);
	if (!lease_open(engine, network, &book, err))
		return false;

	bool is_done = remove_locked(engine, &book, arena, network, err);

	if (is_done)
		lease_forget(engine, network);
	lease_close(&book);
	if (is_done)
		names_revive(engine); /* or takes away what the last resolver has left */
	return is_done;
}

static int run_rm(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct rm_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		struct network network;

		bool is_found = network_find(&engine, &arena, arguments->items[i], &network, &err);
		if (is_found && remove_network(&engine, &arena, &network, &err))
			puts(arguments->items[i]);
		else if (is_found || !values->is_forced || err.kind != ERROR_NOT_FOUND)
			code = command_failed(&err);
	}
	if (code)
		fprintf(stderr, "exit status %d\n", code);
	return code;
}

struct prune_values {
	bool is_forced;
	struct texts filters;
};

static const struct opt prune_opts[] = {
	{ "filter", 0, OPT_LIST, offsetof(struct prune_values, filters), "filter",
	  "Provide filter values (e.g. 'label=…')", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ .name = NULL },
};

static bool is_older(const struct network *network, int64_t until)
{
	int64_t seconds;
	long nanoseconds;

	return !until ||
	       (image_time_parse(network->created, &seconds, &nanoseconds) && seconds < until);
}

static int prune(const struct engine *engine, struct arena *arena, const struct texts *filters)
{
	static const char *const known[] = { "label", FILTER_NO_LABEL, "until", NULL };
	const struct json *rows;
	struct error err;
	size_t removed = 0;
	int64_t until;

	if (!filter_names(filters, known, &err) || !filter_until(filters, &until, &err) ||
	    !networkrows_make(engine, arena, filters, true, &rows, &err))
		return command_failed(&err);
	for (const struct json *row = rows->child; row; row = row->next) {
		struct network network;

		/* What is in use, or has gone by itself, stays out of the list. */
		if (!network_find(engine, arena, json_get(row, "Name")->text, &network, &err) ||
		    !is_older(&network, until) || !remove_network(engine, arena, &network, &err))
			continue;
		if (removed++ == 0)
			puts("Deleted Networks:");
		puts(network.name);
	}
	if (removed)
		putchar('\n');
	return 0;
}

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct prune_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct error err;

	(void)arguments;
	if (!values->is_forced &&
	    !asking_yes("WARNING! This will remove all custom networks not used by at least one "
			"container."))
		return 0;
	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	return prune(&engine, &arena, &values->filters);
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

const struct command cmd_network_ls = {
	.name = "docker network ls",
	.usage = "[OPTIONS]",
	.summary = "List networks",
	.opts = list_opts,
	.values_size = sizeof(struct list_values),
	.run = run_ls,
};

const struct command cmd_network_inspect = {
	.name = "docker network inspect",
	.usage = "[OPTIONS] NETWORK [NETWORK...]",
	.summary = "Display detailed information on one or more networks",
	.opts = inspect_opts,
	.values_size = sizeof(struct inspect_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_inspect,
};

const struct command cmd_network_rm = {
	.name = "docker network rm",
	.usage = "NETWORK [NETWORK...]",
	.summary = "Remove one or more networks",
	.opts = rm_opts,
	.values_size = sizeof(struct rm_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_rm,
};

const struct command cmd_network_prune = {
	.name = "docker network prune",
	.usage = "[OPTIONS]",
	.summary = "Remove all unused networks",
	.opts = prune_opts,
	.values_size = sizeof(struct prune_values),
	.run = run_prune,
};
