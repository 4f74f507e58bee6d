/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netdefaults.h"

#include <string.h>

#include "engine/daemonjson.h"
#include "engine/hostfiles.h"
#include "engine/netcheck.h"

static bool read_net(const struct json *root, const char *key, int family, struct ipnet *net,
		     struct error *err)
{
	const char *text;

	if (!json_text_or(root, key, "", &text, err))
		return false;
	return !*text || (ipnet_parse(net, text) && net->address.family == family) ||
	       json_wrong(json_get(root, key), err, "%s is no IPv%d subnet", text,
			  family == AF_INET ? 4 : 6);
}

static bool read_address(const struct json *root, const char *key, struct ipaddr *address,
			 struct error *err)
{
	const char *text;

	if (!json_text_or(root, key, "", &text, err))
		return false;
	return !*text || ipaddr_parse(address, text) ||
	       json_wrong(json_get(root, key), err, "%s is no address", text);
}

/* The bridge needs an address of its own, and one is to be left. */
static bool check_bip(const struct json *root, const struct netdefaults *defaults,
		      struct error *err)
{
	const struct ipnet *bip = &defaults->bip;
	const struct ipaddr first = ipnet_first(bip), last = ipnet_last(bip);

	if (bip->address.family &&
	    (bip->prefix < 1 || bip->prefix > 30 || ipaddr_is_equal(&bip->address, &first) ||
	     ipaddr_is_equal(&bip->address, &last)))
		return json_wrong(json_get(root, "bip"), err,
				  "not the address of a bridge and its subnet");
	if (defaults->range.address.family && bip->address.family &&
	    (!ipnet_has(bip, &defaults->range.address) || defaults->range.prefix < bip->prefix))
		return json_wrong(json_get(root, "fixed-cidr"), err, "not a part of bip");
	return true;
}

static bool read_addresses(const struct json *root, struct netdefaults *defaults, struct error *err)
{
	if (!read_net(root, "bip", AF_INET, &defaults->bip, err) ||
	    !read_net(root, "fixed-cidr", AF_INET, &defaults->range, err) ||
	    !json_bool_or(root, "ipv6", false, &defaults->has_ipv6, err) ||
	    !read_net(root, "fixed-cidr-v6", AF_INET6, &defaults->ipv6, err) ||
	    !read_address(root, "ip", &defaults->binding, err) ||
	    !read_address(root, "host-gateway-ip", &defaults->host_gateway, err) ||
	    !check_bip(root, defaults, err))
		return false;
	defaults->range.address = ipnet_first(&defaults->range);
	defaults->ipv6.address = ipnet_first(&defaults->ipv6);
	if (defaults->ipv6.address.family && defaults->ipv6.prefix > 126)
		return json_wrong(json_get(root, "fixed-cidr-v6"), err, "no room for containers");
	return true;
}

static bool read_device(const struct json *root, struct netdefaults *defaults, struct error *err)
{
	bool is_masqueraded, is_forwarding;
	int64_t mtu;

	if (!json_text_or(root, "bridge", "", &defaults->bridge, err) ||
	    !json_int_or(root, "mtu", 0, &mtu, err) ||
	    !json_bool_or(root, "ip-masq", true, &is_masqueraded, err) ||
	    !json_bool_or(root, "ip-forward", true, &is_forwarding, err) ||
	    !json_bool_or(root, "ip-forward-no-drop", false, &defaults->is_open, err))
		return false;
	if (*defaults->bridge && !netcheck_is_device(defaults->bridge))
		return json_wrong(json_get(root, "bridge"), err, "%s is no name of a device",
				  defaults->bridge);
	if (mtu != 0 && (mtu < NETWORK_MTU_MIN || mtu > NETWORK_MTU_MAX))
		return json_wrong(json_get(root, "mtu"), err, "not from %d to %d", NETWORK_MTU_MIN,
				  NETWORK_MTU_MAX);
	defaults->mtu = (int)mtu;
	defaults->is_without_masquerade = !is_masqueraded;
	defaults->is_without_forwarding = !is_forwarding;
	return true;
}

/* "default-network-opts": {"bridge": {"KEY": "VALUE"}} */
static bool read_options(struct arena *arena, const struct json *root, struct netdefaults *defaults,
			 struct error *err)
{
	const struct json *drivers, *bridge = NULL;

	if (!json_object_or_null(root, "default-network-opts", &drivers, err) ||
	    (drivers && !json_object_or_null(drivers, "bridge", &bridge, err)))
		return false;
	for (const struct json *one = bridge ? bridge->child : NULL; one; one = one->next) {
		const char *value;

		if (!json_as_text(one, &value, err))
			return false;
		texts_add_in(&defaults->network_options, arena,
			     arena_printf(arena, "%s=%s", one->key, value));
	}
	return true;
}

static bool read_list(struct arena *arena, const struct json *root, const char *key,
		      bool (*check)(const char *text, struct error *err), struct texts *list,
		      struct error *err)
{
	struct error why;

	if (!json_text_array(arena, root, key, &list->items, &list->count, err))
		return false;
	for (size_t i = 0; check && i < list->count; i++) {
		if (!check(list->items[i], &why))
			return json_wrong(json_get(root, key), err, "%s", why.text);
	}
	return true;
}

bool netdefaults_parse(struct arena *arena, const struct json *root, struct netdefaults *defaults,
		       struct error *err)
{
	*defaults = (struct netdefaults){ .bridge = "" };
	return read_addresses(root, defaults, err) && read_device(root, defaults, err) &&
	       read_options(arena, root, defaults, err) &&
	       read_list(arena, root, "dns", hostfiles_check_address, &defaults->dns, err) &&
	       read_list(arena, root, "dns-search", hostfiles_check_domain, &defaults->dns_search,
			 err) &&
	       read_list(arena, root, "dns-opts", NULL, &defaults->dns_options, err);
}

bool netdefaults_read(struct arena *arena, struct netdefaults *defaults, struct error *err)
{
	const struct json *root;

	return daemonjson_find(&root, err) && netdefaults_parse(arena, root, defaults, err);
}

void netdefaults_peek(struct arena *arena, struct netdefaults *defaults)
{
	struct error ignored;

	if (!netdefaults_read(arena, defaults, &ignored))
		*defaults = (struct netdefaults){ .bridge = "" };
}
