/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "engine/userns.h"

/* What the driver's options of a network mean: they have been checked (netcheck.h). */

const char *network_option(const struct network *network, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < network->options.count; i++) {
		const char *pair = network->options.items[i];

		if (strncmp(pair, key, length) == 0 && (pair[length] == '=' || !pair[length]))
			return pair + length + (pair[length] == '=');
	}
	return NULL;
}

bool network_option_is_on(const struct network *network, const char *key)
{
	const char *value = network_option(network, key);

	return !value || (strcasecmp(value, "false") != 0 && strcasecmp(value, "f") != 0 &&
			  strcmp(value, "0") != 0);
}

struct ipaddr network_host_binding(const struct network *network)
{
	static const struct ipaddr everywhere = { .family = AF_INET }, all;
	const char *value = network_option(network, NETWORK_OPTION_BINDING);
	struct ipaddr address;

	if (!value || !ipaddr_parse(&address, value) || ipaddr_is_equal(&address, &everywhere))
		return all;
	return address;
}

enum network_mode network_mode(const struct network *network, enum network_family family)
{
	static const char *const names[] = {
		[NETWORK_MODE_NAT] = "nat",
		[NETWORK_MODE_ROUTED] = "routed",
		[NETWORK_MODE_UNPROTECTED] = "nat-unprotected",
		[NETWORK_MODE_ISOLATED] = "isolated",
	};
	const char *mode =
		network_option(network, family == NETWORK_IPV6 ? NETWORK_OPTION_MODE_IPV6
							       : NETWORK_OPTION_MODE_IPV4);

	for (size_t i = 0; mode && i < COUNT_OF(names); i++) {
		/* Nobody finds a way into a user's own network namespace. */
		if (strcmp(mode, names[i]) == 0)
			return i == NETWORK_MODE_ROUTED && userns_is_inside()
				       ? NETWORK_MODE_NAT
				       : (enum network_mode)i;
	}
	return mode ? NETWORK_MODE_UNKNOWN : NETWORK_MODE_NAT;
}

bool network_is_isolated(const struct network *network, enum network_family family)
{
	return network_mode(network, family) == NETWORK_MODE_ISOLATED;
}

struct ipaddr network_source(const struct network *network, enum network_family family)
{
	const char *value =
		network_option(network, family == NETWORK_IPV6 ? NETWORK_OPTION_HOST_IPV6
							       : NETWORK_OPTION_HOST_IPV4);
	struct ipaddr address = { 0 };

	return value && ipaddr_parse(&address, value) ? address : (struct ipaddr){ 0 };
}

bool network_has_gateway(const struct network *network, enum network_family family)
{
	bool is_inhibited = network_option(network, NETWORK_OPTION_INHIBIT) &&
			    network_option_is_on(network, NETWORK_OPTION_INHIBIT);

	return !network_is_isolated(network, family) &&
	       (family != NETWORK_IPV4 || !network->is_internal || !is_inhibited);
}

int network_mtu(const struct network *network)
{
	const char *value = network_option(network, NETWORK_OPTION_MTU);
	int mtu = value ? (int)strtol(value, NULL, 10) : 0;

	return network->is_predefined && mtu == NETWORK_MTU_USUAL ? 0 : mtu;
}
