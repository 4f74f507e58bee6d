/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netcheck.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/word.h"

#define PREFIX_MAX (IFNAMSIZ - 4) /* with a number of up to three digits */

bool netcheck_is_device(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && !strpbrk(name, "/: \t\n");
}

/* Docker's words. */
static bool refuse_value(const char *key, const char *value, const char *why, struct error *err)
{
	return error_set(err, ERROR_INPUT, "failed to parse %s value: %s (%s)", key, value, why);
}

/* Docker's bounds. How often the kernel tells is its own affair: once. */
static bool check_advertising(const struct network *network, struct error *err)
{
	static const struct {
		const char *key, *unit;
		long least, most;
	} numbers[] = { { NETWORK_OPTION_ADVERTISED, "an integer", 0, 3 },
			{ "com.docker.network.advertise_addr_ms", "integer milliseconds", 100,
			  2000 } };

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		const char *text = network_option(network, numbers[i].key);
		char *end;
		long value = text ? strtol(text, &end, 10) : 0;

		if (!text)
			continue;
		if (!*text || *end)
			return error_set(err, ERROR_INPUT, "value for option %s \"%s\" must be %s",
					 numbers[i].key, text, numbers[i].unit);
		if (value < numbers[i].least || value > numbers[i].most)
			return error_set(err, ERROR_INPUT, "%s must be in the range %ld to %ld",
					 numbers[i].key, numbers[i].least, numbers[i].most);
	}
	return true;
}

static bool check_prefix(const struct network *network, struct error *err)
{
	const char *prefix = network_option(network, NETWORK_OPTION_PREFIX);

	return !prefix || !*prefix ||
	       (strlen(prefix) <= PREFIX_MAX && netcheck_is_device(prefix)) ||
	       error_set(err, ERROR_INPUT, "%s=%s: no beginning of a device's name",
			 NETWORK_OPTION_PREFIX, prefix);
}

static bool check_bridge_options(const struct network *network, struct error *err)
{
	static const char *const switches[] = { NETWORK_OPTION_ICC, NETWORK_OPTION_MASQUERADE,
						NETWORK_OPTION_IPV4,
						"com.docker.network.enable_ipv6",
						NETWORK_OPTION_INHIBIT };
	const char *binding = network_option(network, NETWORK_OPTION_BINDING);
	struct ipaddr address;

	for (size_t i = 0; i < COUNT_OF(switches); i++) {
		const char *value = network_option(network, switches[i]);
		bool ignored;

		if (value && !word_is_bool(value, &ignored))
			return refuse_value(switches[i], value, "invalid syntax", err);
	}
	return !binding || ipaddr_parse(&address, binding) ||
	       refuse_value(NETWORK_OPTION_BINDING, binding, "nil ip", err);
}

/* In docker's words. */
static bool check_modes(const struct network *network, struct error *err)
{
	static const char *const keys[] = {
		[NETWORK_IPV4] = NETWORK_OPTION_MODE_IPV4, [NETWORK_IPV6] = NETWORK_OPTION_MODE_IPV6
	};

	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		const char *value = network_option(network, keys[i]);
		enum network_mode mode = network_mode(network, (enum network_family)i);

		if (mode == NETWORK_MODE_UNKNOWN) {
			autofree char *why = mem_printf("unknown gateway mode %s", value);

			return refuse_value(keys[i], value, why, err);
		}
		if (mode == NETWORK_MODE_ISOLATED && !network->is_internal)
			return error_set(err, ERROR_INPUT,
					 "gateway mode 'isolated' can only be used for an internal "
					 "network");
	}
	return true;
}

static bool check_sources(const struct network *network, struct error *err)
{
	static const struct {
		const char *key;
		int family;
	} sources[] = { { NETWORK_OPTION_HOST_IPV4, AF_INET },
			{ NETWORK_OPTION_HOST_IPV6, AF_INET6 } };

	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		const char *value = network_option(network, sources[i].key);
		struct ipaddr address;

		if (value &&
		    (!ipaddr_parse(&address, value) || address.family != sources[i].family))
			return refuse_value(sources[i].key, value, "nil ip", err);
	}
	return true;
}

/* What docker's bridges can and ours cannot: passed over in silence, whom it names would wait in
 * vain. */
static bool refuse_others(const struct network *network, struct error *err)
{
	static const char key[] = "com.docker.network.bridge.trusted_host_interfaces";
	const char *value = network_option(network, key);

	return !value || !*value ||
	       error_set(err, ERROR_UNSUPPORTED, "%s=%s is not supported: leave it out", key,
			 value);
}

bool netcheck_options(const struct network *network, struct error *err)
{
	const char *mtu = network_option(network, NETWORK_OPTION_MTU);
	const char *bridge = network_option(network, NETWORK_OPTION_BRIDGE);
	char *end;

	if (mtu) {
		long value = strtol(mtu, &end, 10);

		if (!*mtu || *end || value < NETWORK_MTU_MIN || value > NETWORK_MTU_MAX)
			return error_set(err, ERROR_INPUT, "%s: invalid value \"%s\"",
					 NETWORK_OPTION_MTU, mtu);
	}
	if (bridge && !netcheck_is_device(bridge))
		return error_set(err, ERROR_INPUT, "%s: invalid name \"%s\"", NETWORK_OPTION_BRIDGE,
				 bridge);
	if (strcmp(network->driver, "bridge") == 0)
		return check_bridge_options(network, err) && check_advertising(network, err) &&
		       check_prefix(network, err) && check_modes(network, err) &&
		       check_sources(network, err) && refuse_others(network, err);
	if (strcmp(network->driver, "macvlan") == 0 || strcmp(network->driver, "ipvlan") == 0)
		return true;
	if (strcmp(network->driver, "host") == 0 || strcmp(network->driver, "null") == 0)
		return error_set(err, ERROR_DENIED,
				 "only one instance of \"%s\" network is allowed", network->driver);
	if (strcmp(network->driver, "overlay") == 0)
		return error_set(err, ERROR_UNSUPPORTED, NETWORK_NO_SWARM);
	return error_set(err, ERROR_NOT_FOUND, "plugin \"%s\" not found", network->driver);
}

bool netcheck_config(const struct network *network, struct error *err)
{
	bool has_more = network->has_ipv6 || network->is_without_ipv4 || network->labels.count ||
			network->options.count || network->reserved.count;

	for (size_t i = 0; i < NETWORK_FAMILIES; i++)
		has_more |= network->pools[i].is_given;
	if (network->is_config_only && (network->is_internal || network->is_attachable))
		return error_set(err, ERROR_DENIED,
				 "configuration network can only contain network specific fields. "
				 "Network operator fields like [ ingress | internal | attachable | "
				 "scope ] are not supported.");
	if (network->is_config_only && *network->config_from)
		return error_set(err, ERROR_DENIED,
				 "a configuration network cannot depend on another configuration "
				 "network");
	if (*network->config_from && has_more)
		return error_set(err, ERROR_DENIED,
				 "user specified configurations are not supported if the network "
				 "depends on a configuration network");
	return true;
}
