/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bridge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/firewall.h"
#include "engine/hub.h"
#include "engine/ident.h"
#include "engine/ipam.h"
#include "engine/link.h"
#include "engine/netsysctl.h"

#define MADE_BY_US ".made" /* in the lease book: the bridge is ours to remove */
/* In the default network's lease book: the bridges that have had its rules, one on a line; the one
 * that it has now is the last. */
#define BRIDGES       ".bridges"
#define BRIDGES_MAX   4096
#define SETTING_MAX   128
#define ACCEPT_RA_FWD "2\n" /* also where packets are forwarded */

static bool set(const char *family, const char *device, const char *key, const char *value,
		struct error *err)
{
	autofree char *name = mem_printf("%s/conf/%s/%s", family, device, key);

	return netsysctl_set(name, value, err) || err->kind == ERROR_NOT_FOUND;
}

/* A host that forwards takes no more router advertisements on its own links, and would lose its
 * addresses: unless it is told to take them all the same. */
static void keep_advertisements(void)
{
	autodir DIR *devices = opendir("/proc/sys/net/ipv6/conf");
	struct error ignored; /* as it was before us */

	for (struct dirent *entry; devices && (entry = readdir(devices));) {
		autofree char *name = mem_printf("%s/accept_ra", entry->d_name);
		autobuf struct buf value;

		buf_init(&value, SETTING_MAX);
		if (entry->d_name[0] != '.' && file_read(dirfd(devices), name, &value, &ignored) &&
		    strcmp(value.data, "1\n") == 0 &&
		    !set("ipv6", entry->d_name, "accept_ra", ACCEPT_RA_FWD, &ignored))
			return;
	}
}

/* What containers send is no advice for the host: a router advertisement among it would make a
 * container the host's way to the world (CVE-2020-13401). */
static bool harden(const struct network *network, const char *bridge, struct error *err)
{
	return set("ipv6", bridge, "accept_ra", "0\n", err) &&
	       set("ipv6", bridge, "disable_ipv6", network->has_ipv6 ? "0\n" : "1\n", err);
}

/* `warning` has room for ERROR_TEXT_MAX. */
static void warn(char *warning, const struct error *why)
{
	snprintf(warning, ERROR_TEXT_MAX, "containers cannot reach beyond this machine: %.800s",
		 why->text);
}

static bool set_up_rules(const struct engine *engine, const struct network *network,
			 const char *bridge, char *warning, struct error *err)
{
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		const struct firewall firewall = {
			.engine = engine,
			.bridge = bridge,
			.subnet = network->pools[i].subnet,
			.is_internal = network->is_internal,
			.mode = network_mode(network, (enum network_family)i),
			.source = network_source(network, (enum network_family)i),
			.is_without_masquerade =
				!network_option_is_on(network, NETWORK_OPTION_MASQUERADE),
			.is_without_icc = !network_option_is_on(network, NETWORK_OPTION_ICC),
		};

		if (!firewall.subnet.address.family)
			continue;
		if (firewall_set_up(&firewall, err) && firewall_pass_others(&firewall, err))
			continue;
		/* Without rules an internal network would not be one. */
		if (err->kind != ERROR_UNSUPPORTED || network->is_internal)
			return false;
		warn(warning, err);
	}
	return true;
}

static bool is_on(const char *setting)
{
	autofree char *path = mem_printf("/proc/sys/net/%s", setting);
	autobuf struct buf value;
	struct error ignored;

	buf_init(&value, SETTING_MAX);
	return file_read(AT_FDCWD, path, &value, &ignored) && strcmp(value.data, "0\n") != 0;
}

/* This network's, and those of bridges that were made while FORWARD let everything pass: they have
 * no rules to get past it. */
static bool set_up_all(const struct engine *engine, const struct netdefaults *defaults,
		       const struct network *network, const char *bridge, char *warning,
		       struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct network *networks;
	size_t count;
	char other[IFNAMSIZ], ignored[ERROR_TEXT_MAX]; /* the next start on it says so */

	if (!set_up_rules(engine, network, bridge, warning, err) ||
	    !network_list(engine, &arena, &networks, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(networks[i].driver, NETWORK_BRIDGE) != 0 ||
		    strcmp(networks[i].id, network->id) == 0)
			continue;
		network_bridge(engine, &networks[i], other);
		if (if_nametoindex(other) == 0)
			continue;
		if (networks[i].is_predefined)
			ipam_find_default(engine, defaults, &networks[i]);
		if (!set_up_rules(engine, &networks[i], other, ignored, err))
			return error_in(err, "network %s", networks[i].name);
	}
	return true;
}

static const struct {
	int family;
	const char *setting, *what;
} forwarding[NETWORK_FAMILIES] = {
	[NETWORK_IPV4] = { AF_INET, "ipv4/ip_forward", "turn on IP forwarding" },
	[NETWORK_IPV6] = { AF_INET6, "ipv6/conf/all/forwarding", "turn on IPv6 forwarding" },
};

/* What cannot be shut is not turned on. */
static bool shut(bool is_wanted[NETWORK_FAMILIES], char *warning, struct error *err)
{
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (!is_wanted[i] || firewall_shut(forwarding[i].family, err))
			continue;
		if (err->kind != ERROR_UNSUPPORTED)
			return error_in(err, "%s", forwarding[i].what);
		warn(warning, err);
		is_wanted[i] = false;
	}
	return true;
}

static bool turn_on(const bool is_wanted[NETWORK_FAMILIES], struct error *err)
{
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (is_wanted[i] && i == NETWORK_IPV6)
			keep_advertisements();
		if (is_wanted[i] && !netsysctl_set(forwarding[i].setting, "1\n", err))
			return error_in(err, "%s", forwarding[i].what);
	}
	return true;
}

/* A machine that forwards passes on between all of its networks. One that does not is to do so for
 * containers alone, whoever turned it off and whenever: first FORWARD drops, then packets are
 * forwarded, so that who is killed in between leaves nothing open. In a user's own namespace there
 * are no other networks. */
static bool set_up_forwarding(const struct engine *engine, const struct network *network,
			      const char *bridge, char *warning, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct netdefaults defaults;
	bool is_wanted[NETWORK_FAMILIES] = {
		!network->is_without_ipv4 && !is_on(forwarding[NETWORK_IPV4].setting),
		network->has_ipv6 && !is_on(forwarding[NETWORK_IPV6].setting),
	};

	if (!is_wanted[NETWORK_IPV4] && !is_wanted[NETWORK_IPV6])
		return set_up_rules(engine, network, bridge, warning, err);
	if (!netdefaults_read(&arena, &defaults, err))
		return false;
	if (defaults.is_without_forwarding)
		return set_up_rules(engine, network, bridge, warning, err);
	if (defaults.is_open || usernet_is_needed())
		return set_up_rules(engine, network, bridge, warning, err) &&
		       turn_on(is_wanted, err);
	return shut(is_wanted, warning, err) &&
	       set_up_all(engine, &defaults, network, bridge, warning, err) &&
	       turn_on(is_wanted, err);
}

/* A fixed hardware address: else the kernel takes the lowest of the ports', which changes when one
 * comes or goes, and containers would talk to the old one for a while. */
static void put_mac(struct netlink *host, unsigned int index, const char *bridge)
{
	unsigned char mac[LINK_MAC_SIZE] = { 0x02, 0x42 };
	char hex[9];

	ident_derive("bridge", bridge, hex, sizeof(hex) - 1);
	for (size_t i = 0; i < 4; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) == 1)
			mac[2 + i] = (unsigned char)byte;
	}
	link_put_mac(host, index, mac);
}

static bool make(const struct network *network, const char *bridge, struct netlink *host,
		 unsigned int *index, struct error *err)
{
	bool is_inhibited = network_option(network, NETWORK_OPTION_INHIBIT) &&
			    network_option_is_on(network, NETWORK_OPTION_INHIBIT);

	if (!link_make_bridge(host, bridge, network_mtu(network), err) ||
	    !harden(network, bridge, err))
		return false;
	*index = if_nametoindex(bridge);
	put_mac(host, *index, bridge);
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		const struct network_pool *pool = &network->pools[i];
		const struct ipnet own = { pool->gateway, pool->subnet.prefix };

		if (pool->gateway.family && !(i == NETWORK_IPV4 && is_inhibited))
			link_put_address(host, *index, &own);
	}
	link_put_up(host, *index);
	if (!netlink_send(host, "set up the network's bridge", err))
		return network->has_ipv6 && err->kind == ERROR_UNSUPPORTED
			       ? error_set(err, ERROR_UNSUPPORTED,
					   "network %s: the kernel has no IPv6 (CONFIG_IPV6): "
					   "create it without --ipv6",
					   network->name)
			       : false;
	return true;
}

static bool is_ours(const struct lease_book *book)
{
	return faccessat(book->dir, MADE_BY_US, F_OK, 0) == 0;
}

static bool make_all(const struct engine *engine, const struct lease_book *book,
		     struct network *network, const char *bridge, struct netlink *host,
		     unsigned int *index, struct error *err)
{
	struct error ignored;

	if (network->is_predefined && !ipam_choose_default(engine, network, err))
		return false;
	/* First the mark, then the bridge: whatever is half-made goes with the last member. */
	if (!network->is_predefined &&
	    !file_replace(book->dir, MADE_BY_US, "", 0, 0600, FILE_VOLATILE, err))
		return false;
	if (make(network, bridge, host, index, err))
		return true;
	if (*index && !link_remove(host, bridge, &ignored))
		*index = 0;
	return false;
}

static bool is_in_use(const struct engine *engine, const struct network *network)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts holders = { 0 };

	lease_holders(engine, network, &arena, &holders);
	return holders.count != 0;
}

/* What daemon.json asks for anew comes when nobody is on the network. */
static bool renew(const struct engine *engine, const struct network *network, const char *bridge,
		  struct netlink *host, unsigned int *index, struct error *err)
{
	if (is_in_use(engine, network))
		return true;
	*index = 0;
	return firewall_remove(engine, bridge, err) && link_remove(host, bridge, err);
}

/* `bridge` is the default network's now (NULL: none), and daemon.json may have named others before:
 * their rules, which let pass nothing but the network's packets, go when nobody is on it. */
static bool end_former(const struct engine *engine, const struct lease_book *book,
		       const struct network *network, const char *bridge, struct error *err)
{
	autofree char *now = bridge ? mem_printf("%s\n", bridge) : mem_strdup("");
	autobuf struct buf known;
	struct error ignored; /* nobody has been on it since the machine's start */

	buf_init(&known, BRIDGES_MAX);
	if (!file_read(book->dir, BRIDGES, &known, &ignored))
		buf_add_text(&known, "");
	if (bridge && strcmp(known.data, now) == 0)
		return true;

	autofree char *all = mem_printf("%s%s", now, known.data);

	/* First noted, then put in: what is half-made is found. */
	if (is_in_use(engine, network))
		return strncmp(known.data, now, strlen(now)) == 0 ||
		       file_replace(book->dir, BRIDGES, all, strlen(all), 0600, FILE_VOLATILE, err);

	char *rest = known.data;

	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		if ((!bridge || strcmp(line, bridge) != 0) && !firewall_remove(engine, line, err))
			return false;
	}
	return bridge ? file_replace(book->dir, BRIDGES, now, strlen(now), 0600, FILE_VOLATILE, err)
		      : unlinkat(book->dir, BRIDGES, 0) == 0 || errno == ENOENT ||
				error_sys(err, "forget the default network's bridge");
}

bool bridge_set_up(const struct engine *engine, const struct lease_book *book,
		   struct network *network, struct netlink *host, unsigned int *index,
		   char *warning, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct netdefaults defaults;
	char bridge[IFNAMSIZ];

	network_bridge(engine, network, bridge);
	*index = if_nametoindex(bridge);
	/* Another first container may have made it since the network was looked up, outside of the
	 * lock. */
	if (network->is_predefined) {
		if (!netdefaults_read(&arena, &defaults, err))
			return false;
		ipam_find_default(engine, &defaults, network);
		if (!end_former(engine, book, network, bridge, err))
			return false;
	}
	if (network->is_outdated && !*network->device &&
	    !renew(engine, network, bridge, host, index, err))
		return false;
	if (*index == 0 && network->is_predefined && *network->device)
		return error_set(err, ERROR_NOT_FOUND,
				 "bridge %s of daemon.json is not there: make it (ip link add)",
				 bridge);
	if (*index == 0 && !make_all(engine, book, network, bridge, host, index, err))
		return false;
	if (!network->is_without_ipv4 && !network->pools[NETWORK_IPV4].subnet.address.family)
		return error_set(err, ERROR_SYSTEM,
				 "%s has no address (remove the link to have it made anew)",
				 bridge);
	return set_up_forwarding(engine, network, bridge, warning, err);
}

static bool remove_here(const struct engine *engine, const struct lease_book *book,
			const struct network *network, struct error *err)
{
	struct netlink host;
	char bridge[IFNAMSIZ];

	network_bridge(engine, network, bridge);
	if ((network->is_predefined && !end_former(engine, book, network, NULL, err)) ||
	    !firewall_remove(engine, bridge, err))
		return false;
	if (network->is_predefined ? *network->device : !is_ours(book))
		return true;
	if (!netlink_open(&host, NETLINK_ROUTE, err))
		return false;

	bool is_done = link_remove(&host, bridge, err);

	netlink_close(&host);
	if (is_done && unlinkat(book->dir, MADE_BY_US, 0) < 0 && errno != ENOENT)
		return error_sys(err, "forget bridge %s", bridge);
	return is_done;
}

static bool refuse_reset(const struct texts *holders, struct error *err)
{
	return error_set(err, ERROR_EXISTS,
			 "the default network is in use (container %.12s): stop what docker ps "
			 "--filter network=bridge shows, then again",
			 holders->items[0]);
}

struct removal {
	const struct engine *engine;
	const struct lease_book *book;
	const struct network *network;
};

static bool act(void *context, struct error *err)
{
	const struct removal *removal = context;

	return remove_here(removal->engine, removal->book, removal->network, err);
}

bool bridge_remove(const struct engine *engine, const struct lease_book *book,
		   const struct network *network, struct error *err)
{
	struct removal removal = { engine, book, network };

	return usernet_is_needed() ? hub_call(engine, act, &removal, err) : act(&removal, err);
}

bool bridge_reset(const struct engine *engine, struct error *err)
{
	struct lease_book book;
	autoarena struct arena arena = { 0 };
	struct network network;

	if (!network_find(engine, &arena, NETWORK_BRIDGE, &network, err) ||
	    !lease_open(engine, &network, &book, err))
		return false;

	autotexts struct texts holders = { 0 };

	lease_holders(engine, &network, &arena, &holders);

	bool is_done = holders.count ? refuse_reset(&holders, err)
				     : bridge_remove(engine, &book, &network, err);

	lease_close(&book);
	return is_done;
}

bool bridge_leave(const struct engine *engine, const struct network *network, struct error *err)
{
	autofree char *known =
		mem_printf("%s/networks/%s/" BRIDGES, engine->run, network_key(network));
	struct lease_book book;

	if (access(known, F_OK) < 0)
		return true;
	if (!lease_open(engine, network, &book, err))
		return false;

	bool is_done = is_in_use(engine, network) || remove_here(engine, &book, network, err);

	lease_close(&book);
	return is_done;
}
