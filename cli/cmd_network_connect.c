/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networkverbs.h"

#include <stdlib.h>
#include <string.h>

#include "cli/netopts.h"
#include "engine/connect.h"
#include "engine/endpointopt.h"
#include "engine/find.h"
#include "engine/linktarget.h"

/*
 * docker network connect and disconnect.
 */

struct connect_values {
	struct texts aliases, links, link_local;
	struct texts options; /* looked at, without effect */
	const char *ip, *ip6, *priority;
};

static const struct opt connect_opts[] = {
	{ "alias", 0, OPT_LIST, offsetof(struct connect_values, aliases), "strings",
	  "Add network-scoped alias for the container", NULL },
	{ "driver-opt", 0, OPT_LIST, offsetof(struct connect_values, options), "strings",
	  "driver options for the network", endpointopt_check },
	{ "gw-priority", 0, OPT_TEXT, offsetof(struct connect_values, priority), "int",
	  "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
	  netopts_check_priority },
	{ "ip", 0, OPT_TEXT, offsetof(struct connect_values, ip), "string",
	  "IPv4 address (e.g., \"172.30.100.104\")", netopts_check_ip },
	{ "ip6", 0, OPT_TEXT, offsetof(struct connect_values, ip6), "string",
	  "IPv6 address (e.g., \"2001:db8::33\")", netopts_check_ip6 },
	{ "link", 0, OPT_LIST, offsetof(struct connect_values, links), "list",
	  "Add link to another container", link_target_check },
	{ "link-local-ip", 0, OPT_LIST, offsetof(struct connect_values, link_local), "strings",
	  "Add a link-local address for the container", netopts_check_link_local },
	{ .name = NULL },
};

struct target {
	struct engine engine;
	struct arena arena;
	struct network network;
	struct container container;
};

static void target_done(struct target *target)
{
	container_done(&target->container);
	arena_done(&target->arena);
	engine_close(&target->engine);
}

/* The two arguments: NETWORK CONTAINER. */
static bool open_container(const struct cli *cli, const struct texts *arguments,
			   struct target *target, struct error *err)
{
	char id[CONTAINER_ID_LENGTH + 1];

	*target = (struct target){ .engine = ENGINE_EMPTY };
	return engine_open(cli->root, cli->run, &target->engine, err) &&
	       find_one(&target->engine, arguments->items[1], id, err) &&
	       container_read(&target->engine, &target->arena, id, &target->container, err);
}

static bool open_network(const struct texts *arguments, struct target *target, struct error *err)
{
	return network_find(&target->engine, &target->arena, arguments->items[0], &target->network,
			    err);
}

static bool check_wish(const struct network *network, const struct container_network *wanted,
		       struct error *err)
{
	if (!network->is_predefined)
		return true;
	if (*wanted->ip || *wanted->ip6)
		return error_set(
			err, ERROR_INPUT,
			"user specified IP address is supported on user defined networks only");
	if (wanted->aliases.count)
		return error_set(err, ERROR_INPUT,
				 "network-scoped alias is supported only for containers in user "
				 "defined networks");
	return strcmp(network->name, NETWORK_HOST) != 0 ||
	       error_set(err, ERROR_INPUT,
			 "cannot connect container to host network - container must be created in "
			 "host network mode");
}

static int run_connect(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct connect_values *values = of;
	struct target target;
	char warning[ERROR_TEXT_MAX] = "";
	struct error err;
	bool is_done = open_container(cli, arguments, &target, &err) &&
		       open_network(arguments, &target, &err);

	if (is_done) {
		const struct container_network wanted = {
			.name = target.network.name,
			.ip = values->ip ? values->ip : "",
			.ip6 = values->ip6 ? values->ip6 : "",
			.mac = "",
			.aliases = values->aliases,
			.link_local = values->link_local,
			.links = values->links,
			.driver_options = values->options,
			.gw_priority = values->priority ? strtoll(values->priority, NULL, 10) : 0,
		};

		is_done =
			check_wish(&target.network, &wanted, &err) &&
			connect_network(&target.engine, &target.container, &wanted, warning, &err);
	}
	target_done(&target);
	return is_done ? 0 : command_failed(&err);
}

static bool check_end(const struct target *target, struct error *err)
{
	return strcmp(target->network.name, NETWORK_HOST) != 0 ||
	       strcmp(target->container.network, NETWORK_HOST) != 0 ||
	       error_set(err, ERROR_INPUT,
			 "cannot disconnect container from host network - container was created in "
			 "host network mode");
}

struct disconnect_values {
	bool is_forced;
};

static const struct opt disconnect_opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct disconnect_values, is_forced), NULL,
	  "Force the container to disconnect from a network", NULL },
	{ .name = NULL },
};

/* With --force docker asks the network, which knows endpoints and no containers. */
static bool explain(const struct texts *arguments, struct target *target, struct error *err)
{
	return err->kind == ERROR_NOT_FOUND && open_network(arguments, target, err) &&
	       error_set(err, ERROR_NOT_FOUND, "endpoint %s not found", arguments->items[1]);
}

static int run_disconnect(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct disconnect_values *values = of;
	struct target target;
	struct error err;
	bool is_done = open_container(cli, arguments, &target, &err) ||
		       (values->is_forced && explain(arguments, &target, &err));

	if (is_done && open_network(arguments, &target, &err))
		is_done = check_end(&target, &err) &&
			  connect_end(&target.engine, &target.container, &target.network, &err);
	else if (is_done)
		is_done = err.kind == ERROR_NOT_FOUND &&
			  connect_forget(&target.engine, &target.container, arguments->items[0],
					 &err);
	target_done(&target);
	return is_done ? 0 : command_failed(&err);
}

const struct command cmd_network_connect = {
	.name = "docker network connect",
	.usage = "[OPTIONS] NETWORK CONTAINER",
	.summary = "Connect a container to a network",
	.opts = connect_opts,
	.values_size = sizeof(struct connect_values),
	.least = 2,
	.most = 2,
	.run = run_connect,
};

const struct command cmd_network_disconnect = {
	.name = "docker network disconnect",
	.usage = "[OPTIONS] NETWORK CONTAINER",
	.summary = "Disconnect a container from a network",
	.opts = disconnect_opts,
	.values_size = sizeof(struct disconnect_values),
	.least = 2,
	.most = 2,
	.run = run_disconnect,
};
