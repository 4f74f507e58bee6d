/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networkverbs.h"

#include <stdio.h>
#include <string.h>

#include "engine/endpoint.h"
#include "engine/find.h"
#include "engine/status.h"

static void print_host(const struct published *port)
{
	char text[IPADDR_TEXT_MAX], number[8] = "";

	if (port->outside)
		snprintf(number, sizeof(number), "%d", port->outside);
	printf(port->address.family == AF_INET6 ? "[%s]:%s\n" : "%s:%s\n",
	       ipaddr_text(&port->address, text), number);
}

static bool print_one(const struct endpoints *endpoints, const char *asked, const char *container,
		      struct error *err)
{
	struct port_spec spec;
	bool is_found = false;

	if (!port_parse_exposed(asked, &spec, err))
		return error_set(err, ERROR_INPUT, "Error: invalid port (%s)", asked);
	for (size_t i = 0; i < endpoints->port_count; i++) {
		const struct published *port = &endpoints->ports[i];

		if (port->inside != spec.inside.first || port->protocol != spec.protocol)
			continue;
		print_host(port);
		is_found = true;
	}
	return is_found ||
	       error_set(err, ERROR_NOT_FOUND, "Error: No public port '%s' published for %s", asked,
			 container);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct endpoints endpoints = { 0 };
	char id[CONTAINER_ID_LENGTH + 1];
	struct error err;

	(void)values;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !find_one(&engine, arguments->items[0], id, &err))
		return command_failed(&err);
	if (status_is_running(&engine, id))
		endpoints_read_open(&engine, &arena, id, &endpoints);
	if (arguments->count > 1 && *arguments->items[1])
		return print_one(&endpoints, arguments->items[1], arguments->items[0], &err)
			       ? 0
			       : command_failed_plainly(&err);
	for (size_t i = 0; i < endpoints.port_count; i++) {
		printf("%d/%s -> ", endpoints.ports[i].inside,
		       port_protocol_name(endpoints.ports[i].protocol));
		print_host(&endpoints.ports[i]);
	}
	return 0;
}

const struct command cmd_port = {
	.name = "docker port",
	.usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
	.summary = "List port mappings or a specific mapping for the container",
	.least = 1,
	.most = 2,
	.run = run,
};
