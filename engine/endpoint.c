/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "engine/status.h"

#define RECORD_MAX (4 << 20)

static const char *const address_keys[] = { [NETWORK_IPV4] = "ipv4", [NETWORK_IPV6] = "ipv6" };
static const char *const gateway_keys[] = {
	[NETWORK_IPV4] = "gateway4", [NETWORK_IPV6] = "gateway6"
};

static void write_endpoint(struct jsonout *out, const struct endpoint *endpoint)
{
	char text[IPADDR_TEXT_MAX];
	char net[IPADDR_TEXT_MAX + 4];

	jsonout_object(out, NULL);
	jsonout_text(out, "network", endpoint->network);
	jsonout_text(out, "network_id", endpoint->network_id);
	jsonout_text(out, "id", endpoint->id);
	jsonout_text(out, "inside", endpoint->inside);
	jsonout_text(out, "outside", endpoint->outside);
	jsonout_text(out, "mac", link_mac_text(endpoint->mac, (char[LINK_MAC_TEXT_MAX]){ "" }));
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (!endpoint->addresses[i].address.family)
			continue;
		snprintf(net, sizeof(net), "%s/%d",
			 ipaddr_text(&endpoint->addresses[i].address, text),
			 endpoint->addresses[i].prefix);
		jsonout_text(out, address_keys[i], net);
		jsonout_text(out, gateway_keys[i], ipaddr_text(&endpoint->gateways[i], text));
	}
	if (endpoint->aliases.count)
		jsonout_texts(out, "aliases", endpoint->aliases.items, endpoint->aliases.count);
	if (endpoint->links.count)
		jsonout_texts(out, "links", endpoint->links.items, endpoint->links.count);
	if (endpoint->gw_priority)
		jsonout_int(out, "gw_priority", endpoint->gw_priority);
	jsonout_bool(out, "is_internal", endpoint->is_internal);
	jsonout_bool(out, "has_names", endpoint->has_names);
	jsonout_object_end(out);
}

static void write_port(struct jsonout *out, const struct published *port)
{
	char text[IPADDR_TEXT_MAX];

	jsonout_object(out, NULL);
	jsonout_text(out, "protocol", port_protocol_name(port->protocol));
	jsonout_int(out, "inside", port->inside);
	jsonout_int(out, "outside", port->outside);
	jsonout_text(out, "address", ipaddr_text(&port->address, text));
	jsonout_object_end(out);
}

bool endpoints_write(const struct endpoints *endpoints, int dir, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, RECORD_MAX);
	if (!endpoints->count && !endpoints->port_count)
		return unlinkat(dir, CONTAINER_NETWORK, 0) == 0 || errno == ENOENT ||
		       error_sys(err, "remove %s", CONTAINER_NETWORK);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_array(&out, "endpoints");
	for (size_t i = 0; i < endpoints->count; i++)
		write_endpoint(&out, &endpoints->items[i]);
	jsonout_array_end(&out);
	jsonout_array(&out, "ports");
	for (size_t i = 0; i < endpoints->port_count; i++)
		write_port(&out, &endpoints->ports[i]);
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&text, CONTAINER_NETWORK, err) &&
	       file_replace(dir, CONTAINER_NETWORK, text.data, text.length, 0600, FILE_VOLATILE,
			    err);
}

static bool read_address(const struct json *item, struct endpoint *endpoint, size_t family,
			 struct error *err)
{
	const char *address, *gateway;

	if (!json_text_or(item, address_keys[family], "", &address, err) ||
	    !json_text_or(item, gateway_keys[family], "", &gateway, err))
		return false;
	if (*address && !ipnet_parse(&endpoint->addresses[family], address))
		return json_wrong(item, err, "%s is no address", address);
	return !*gateway || ipaddr_parse(&endpoint->gateways[family], gateway) ||
	       json_wrong(item, err, "%s is no address", gateway);
}

static bool read_endpoint(const struct json *item, struct arena *arena, struct endpoint *endpoint,
			  struct error *err)
{
	const char *id, *inside, *outside, *mac;

	if (!json_text(item, "network", &endpoint->network, err) ||
	    !json_text(item, "network_id", &endpoint->network_id, err) ||
	    !json_text(item, "id", &id, err) || !json_text(item, "inside", &inside, err) ||
	    !json_text(item, "outside", &outside, err) || !json_text(item, "mac", &mac, err) ||
	    !json_bool_or(item, "is_internal", false, &endpoint->is_internal, err) ||
	    !json_bool_or(item, "has_names", false, &endpoint->has_names, err) ||
	    !json_text_array(arena, item, "aliases", &endpoint->aliases.items,
			     &endpoint->aliases.count, err) ||
	    !json_text_array(arena, item, "links", &endpoint->links.items, &endpoint->links.count,
			     err) ||
	    !json_int_or(item, "gw_priority", 0, &endpoint->gw_priority, err) ||
	    !read_address(item, endpoint, NETWORK_IPV4, err) ||
	    !read_address(item, endpoint, NETWORK_IPV6, err))
		return false;
	snprintf(endpoint->id, sizeof(endpoint->id), "%s", id);
	snprintf(endpoint->inside, sizeof(endpoint->inside), "%s", inside);
	snprintf(endpoint->outside, sizeof(endpoint->outside), "%s", outside);
	return link_mac_parse(mac, endpoint->mac) ||
	       json_wrong(item, err, "%s is no hardware address", mac);
}

static bool read_port(const struct json *item, struct published *port, struct error *err)
{
	const char *protocol, *address;
	int64_t inside, outside;

	if (!json_text(item, "protocol", &protocol, err) ||
	    !json_text(item, "address", &address, err) || !json_int(item, "inside", &inside, err) ||
	    !json_int(item, "outside", &outside, err))
		return false;
	port->inside = (uint16_t)inside;
	port->outside = (uint16_t)outside;
	return (port_protocol_parse(protocol, &port->protocol) &&
		ipaddr_parse(&port->address, address)) ||
	       json_wrong(item, err, "no such port");
}

static bool parse(struct arena *arena, const struct buf *text, struct endpoints *endpoints,
		  struct error *err)
{
	const struct json *root, *items, *ports;

	if (!json_parse(arena, CONTAINER_NETWORK, text->data, text->length, &root, err) ||
	    !json_array_or_null(root, "endpoints", &items, err) ||
	    !json_array_or_null(root, "ports", &ports, err))
		return false;
	endpoints->items =
		arena_array(arena, items ? items->count + 1 : 1, sizeof(struct endpoint));
	endpoints->ports =
		arena_array(arena, ports ? ports->count + 1 : 1, sizeof(struct published));
	for (const struct json *item = items ? items->child : NULL; item; item = item->next) {
		if (!read_endpoint(item, arena, &endpoints->items[endpoints->count++], err))
			return false;
	}
	for (const struct json *item = ports ? ports->child : NULL; item; item = item->next) {
		if (!read_port(item, &endpoints->ports[endpoints->port_count++], err))
			return false;
	}
	return true;
}

bool endpoints_read(const struct engine *engine, struct arena *arena, const char *container,
		    struct endpoints *endpoints)
{
	char name[CONTAINER_ID_LENGTH + sizeof("/" CONTAINER_NETWORK)];
	autobuf struct buf text;
	struct error ignored; /* what cannot be read is as good as none */

	*endpoints = (struct endpoints){ 0 };
	buf_init(&text, RECORD_MAX);
	snprintf(name, sizeof(name), "%.64s/" CONTAINER_NETWORK, container);
	if (!file_read(engine->containers, name, &text, &ignored) ||
	    !parse(arena, &text, endpoints, &ignored)) {
		*endpoints = (struct endpoints){ 0 };
		return false;
	}
	/* Ports end with who supervises the container, though its program may live on. */
	if (endpoints->port_count && !status_is_locked(engine, container))
		endpoints->port_count = 0;
	return true;
}

static bool is_before(const struct endpoint *one, const struct endpoint *other)
{
	if (one->gw_priority != other->gw_priority)
		return one->gw_priority > other->gw_priority;
	return strcmp(one->network, other->network) < 0;
}

const struct endpoint *endpoints_outward(const struct endpoints *endpoints)
{
	const struct endpoint *best = NULL;

	for (size_t i = 0; i < endpoints->count; i++) {
		const struct endpoint *endpoint = &endpoints->items[i];

		if (!endpoint->is_internal && (!best || is_before(endpoint, best)))
			best = endpoint;
	}
	return best;
}

const struct endpoint *endpoints_publishing(const struct endpoints *endpoints)
{
	const struct endpoint *outward = endpoints_outward(endpoints);

	return outward && outward->outside[0] ? outward : NULL;
}

bool endpoints_read_open(const struct engine *engine, struct arena *arena, const char *container,
			 struct endpoints *endpoints)
{
	bool is_read = endpoints_read(engine, arena, container, endpoints);

	if (!endpoints_publishing(endpoints))
		endpoints->port_count = 0;
	return is_read;
}
