/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networkrows.h"

#include <string.h>

#include "cli/filter.h"
#include "cli/gostruct.h"
#include "cli/jsonmaker.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/lease.h"

#define CREATED_MAX 128 /* bytes of a time */

/* Rows. --------------------------------------------------------------------------------------- */

static bool is_used(const struct engine *engine, const struct network *network)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };

	lease_holders(engine, network, &arena, &ids);
	return ids.count > 0;
}

static bool is_match(const struct engine *engine, const struct network *network, const char *key,
		     const char *value)
{
	if (strcmp(key, "name") == 0)
		return filter_is_found(value, network->name);
	if (strcmp(key, "id") == 0)
		return filter_is_found(value, network->id);
	if (strcmp(key, "driver") == 0)
		return strcmp(network->driver, value) == 0;
	if (strcmp(key, "scope") == 0)
		return strcmp(value, "local") == 0;
	if (strcmp(key, "type") == 0)
		return strcmp(value, network->is_predefined ? "builtin" : "custom") == 0;
	return (!network->is_predefined && !is_used(engine, network)) ==
	       (strcmp(value, "true") == 0 || strcmp(value, "1") == 0); /* dangling */
}

/* Of one key any value may match, of label all must. */
static bool is_wanted(const struct engine *engine, const struct network *network,
		      const struct texts *filters)
{
	static const char *const keys[] = { "name", "id", "driver", "scope", "type", "dangling" };

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		size_t at = 0, asked = 0, matched = 0;

		for (const char *value; (value = filter_next(filters, keys[i], &at)); asked++)
			matched += is_match(engine, network, keys[i], value);
		if (asked && !matched)
			return false;
	}
	return filter_are_labels(filters, &network->labels);
}

static bool check_types(const struct texts *filters, struct error *err)
{
	size_t at = 0;

	for (const char *value; (value = filter_next(filters, "type", &at));) {
		if (strcmp(value, "builtin") != 0 && strcmp(value, "custom") != 0)
			return error_set(err, ERROR_INPUT, "invalid filter: 'type'='%s'", value);
	}
	return true;
}

static const char *created(struct arena *arena, const struct network *network)
{
	autobuf struct buf text;

	buf_init(&text, CREATED_MAX);
	gostruct_print_time(&text, network->created);
	return arena_strdup(arena, text.data ? text.data : "");
}

static bool has_ipv4(const struct network *network)
{
	return !network->is_without_ipv4 && strcmp(network->driver, "host") != 0 &&
	       strcmp(network->driver, "null") != 0;
}

static void add_row(const struct jsonmaker *rows, const struct network *network, bool is_whole)
{
	struct jsonmaker row = jsonmaker_nested(rows, NULL, JSON_OBJECT);

	jsonmaker_text(&row, "CreatedAt", created(rows->arena, network));
	jsonmaker_text(&row, "Driver", network->driver);
	jsonmaker_text(&row, "ID",
		       is_whole ? network->id
				: arena_strndup(rows->arena, network->id, NETWORK_SHORT_ID));
	jsonmaker_text(&row, "IPv4", has_ipv4(network) ? "true" : "false");
	jsonmaker_text(&row, "IPv6", network->has_ipv6 ? "true" : "false");
	jsonmaker_text(&row, "Internal", network->is_internal ? "true" : "false");
	jsonmaker_labels(&row, "Labels", &network->labels);
	jsonmaker_text(&row, "Name", network->name);
	jsonmaker_text(&row, "Scope", "local");
}

bool networkrows_make(const struct engine *engine, struct arena *arena, const struct texts *filters,
		      bool is_whole, const struct json **rows, struct error *err)
{
	struct jsonmaker list = { arena, json_new(arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct network *networks;
	bool is_dangling = false;
	size_t count;

	if (!check_types(filters, err) || !filter_truth(filters, "dangling", &is_dangling, err) ||
	    !network_list(engine, arena, &networks, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (is_wanted(engine, &networks[i], filters))
			add_row(&list, &networks[i], is_whole);
	}
	*rows = list.parent;
	return true;
}

/* Inspection. --------------------------------------------------------------------------------- */

static const char *net_text(struct arena *arena, const struct ipnet *net)
{
	char text[IPADDR_TEXT_MAX];

	return net->address.family
		       ? arena_printf(arena, "%s/%d", ipaddr_text(&net->address, text), net->prefix)
		       : "";
}

/* {"NAME": "ADDRESS"}: what --aux-address keeps of this subnet. */
static void add_reserved(const struct jsonmaker *item, const struct network *network,
			 const struct ipnet *subnet)
{
	struct jsonmaker map = { .parent = NULL };

	for (size_t i = 0; i < network->reserved.count; i++) {
		const char *pair = network->reserved.items[i];
		const char *equals = strchr(pair, '=');
		struct ipaddr address;

		if (!equals || !ipaddr_parse(&address, equals + 1) || !ipnet_has(subnet, &address))
			continue;
		if (!map.parent)
			map = jsonmaker_nested(item, "AuxiliaryAddresses", JSON_OBJECT);
		jsonmaker_text(&map, arena_strndup(item->arena, pair, (size_t)(equals - pair)),
			       equals + 1);
	}
}

static void add_ipam(const struct jsonmaker *object, const struct network *network)
{
	struct jsonmaker ipam = jsonmaker_nested(object, "IPAM", JSON_OBJECT);
	char text[IPADDR_TEXT_MAX];

	jsonmaker_text(&ipam, "Driver", "default");
	if (network->is_predefined)
		jsonmaker_text(&ipam, "Options", NULL);
	else
		jsonmaker_pairs(&ipam, "Options", &network->ipam_options);
	struct jsonmaker list = jsonmaker_nested(&ipam, "Config", JSON_ARRAY);
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		const struct network_pool *pool = &network->pools[i];

		if (!pool->subnet.address.family)
			continue;
		struct jsonmaker item = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		jsonmaker_text(&item, "Subnet", net_text(object->arena, &pool->subnet));
		if (pool->range.address.family)
			jsonmaker_text(&item, "IPRange", net_text(object->arena, &pool->range));
		if (pool->gateway.family)
			jsonmaker_text(&item, "Gateway", ipaddr_text(&pool->gateway, text));
		add_reserved(&item, network, &pool->subnet);
	}
}

static void add_member(const struct jsonmaker *members, const struct engine *engine, const char *id,
		       const struct network *network)
{
	struct container container = { 0 };
	struct endpoints endpoints;
	struct error ignored; /* it has gone this moment */
	char mac[LINK_MAC_TEXT_MAX];

	if (!container_read(engine, members->arena, id, &container, &ignored) ||
	    !endpoints_read(engine, members->arena, id, &endpoints)) {
		container_done(&container);
		return;
	}
	for (size_t i = 0; i < endpoints.count; i++) {
		const struct endpoint *endpoint = &endpoints.items[i];

		if (strcmp(endpoint->network_id, network->id) != 0)
			continue;
		struct jsonmaker item = jsonmaker_nested(members, id, JSON_OBJECT);
		jsonmaker_text(&item, "Name", container.name);
		jsonmaker_text(&item, "EndpointID", endpoint->id);
		jsonmaker_text(&item, "MacAddress", link_mac_text(endpoint->mac, mac));
		jsonmaker_text(&item, "IPv4Address",
			       net_text(members->arena, &endpoint->addresses[NETWORK_IPV4]));
		jsonmaker_text(&item, "IPv6Address",
			       net_text(members->arena, &endpoint->addresses[NETWORK_IPV6]));
	}
	container_done(&container);
}

void networkrows_inspect(const struct engine *engine, struct arena *arena, struct json *objects,
			 const struct network *network)
{
	struct jsonmaker object = { arena, json_new(arena, objects, NULL, JSON_OBJECT, NULL) };
	autotexts struct texts ids = { 0 };
	struct network shown = *network;

	network_foresee(engine, &shown);
	jsonmaker_text(&object, "Name", network->name);
	jsonmaker_text(&object, "Id", network->id);
	jsonmaker_text(&object, "Created", network->created);
	jsonmaker_text(&object, "Scope", "local");
	jsonmaker_text(&object, "Driver", network->driver);
	jsonmaker_bool(&object, "EnableIPv4", has_ipv4(network));
	jsonmaker_bool(&object, "EnableIPv6", network->has_ipv6);
	add_ipam(&object, &shown);
	jsonmaker_bool(&object, "Internal", network->is_internal);
	jsonmaker_bool(&object, "Attachable", network->is_attachable);
	jsonmaker_bool(&object, "Ingress", false);
	struct jsonmaker from = jsonmaker_nested(&object, "ConfigFrom", JSON_OBJECT);
	jsonmaker_text(&from, "Network", network->config_from);
	jsonmaker_bool(&object, "ConfigOnly", network->is_config_only);
	struct jsonmaker members = jsonmaker_nested(&object, "Containers", JSON_OBJECT);
	lease_holders(engine, network, arena, &ids);
	for (size_t i = 0; i < ids.count; i++)
		add_member(&members, engine, ids.items[i], network);
	jsonmaker_pairs(&object, "Options", &network->options);
	jsonmaker_pairs(&object, "Labels", &network->labels);
}
