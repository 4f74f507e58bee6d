/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ipam.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/daemonjson.h"
#include "engine/ident.h"

#define ROUTES_MAX  512
#define POOLS_MAX   64
#define SUBNETS_MAX 65536 /* of one pool: as many are looked at */
#define ULA_PREFIX  64
#define SETTING     "default-address-pools"

/* Where the host's packets go; a default route leads everywhere and counts for nothing. */
struct routes {
	struct ipnet nets[ROUTES_MAX];
	size_t count;
};

static int prefix_of(uint32_t mask)
{
	int prefix = 0;

	for (mask = ntohl(mask); mask & 0x80000000U; mask <<= 1)
		prefix++;
	return prefix;
}

static void read_routes(struct routes *routes)
{
	autofile FILE *file = fopen("/proc/net/route", "re");
	char line[256];

	routes->count = 0;
	while (file && routes->count < ROUTES_MAX && fgets(line, sizeof(line), file)) {
		struct ipnet *net = &routes->nets[routes->count];
		unsigned int destination, mask;

		if (sscanf(line, "%*s %x %*x %*x %*x %*x %*x %x", &destination, &mask) != 2 ||
		    !mask)
			continue;
		*net = (struct ipnet){ .address.family = AF_INET, .prefix = prefix_of(mask) };
		memcpy(net->address.bytes, &destination, sizeof(destination));
		routes->count++;
	}
}

static bool overlaps_route(const struct routes *routes, const struct ipnet *net)
{
	for (size_t i = 0; i < routes->count; i++) {
		if (ipnet_overlaps(&routes->nets[i], net))
			return true;
	}
	return false;
}

static bool overlaps_network(const struct network *others, size_t count, const struct ipnet *net)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t family = 0; family < NETWORK_FAMILIES; family++) {
			const struct ipnet *subnet = &others[i].pools[family].subnet;

			if (subnet->address.family && !others[i].is_config_only &&
			    ipnet_overlaps(subnet, net))
				return true;
		}
	}
	return false;
}

/* Pools. -------------------------------------------------------------------------------------- */

/* Cut into subnets of one size, which are given out in their order. */
struct address_pool {
	struct ipnet base;
	int size; /* a subnet's prefix */
};

struct address_pools {
	struct address_pool items[POOLS_MAX];
	size_t count;
};

static const struct address_pools docker_pools = {
	.items = { { { { AF_INET, { 172, 17 } }, 16 }, 16 },
		   { { { AF_INET, { 172, 18 } }, 15 }, 16 },
		   { { { AF_INET, { 172, 20 } }, 14 }, 16 },
		   { { { AF_INET, { 172, 24 } }, 13 }, 16 },
		   { { { AF_INET, { 192, 168 } }, 16 }, 20 } },
	.count = 5,
};

/* {"base": "10.10.0.0/16", "size": 24} */
static bool read_pool(const struct json *item, struct address_pool *pool, struct error *err)
{
	const char *base;
	int64_t size;

	if (!json_text(item, "base", &base, err) || !json_int(item, "size", &size, err))
		return false;
	if (!ipnet_parse(&pool->base, base))
		return json_wrong(json_get(item, "base"), err, "%s is no subnet", base);
	/* A network needs room for its gateway and a container. */
	if (size < pool->base.prefix || size > ipaddr_bits(&pool->base.address) - 2)
		return json_wrong(json_get(item, "size"), err, "%lld is no size of a subnet of %s",
				  (long long)size, base);
	pool->base.address = ipnet_first(&pool->base);
	pool->size = (int)size;
	return true;
}

static bool read_pools(struct address_pools *pools, struct error *err)
{
	const struct json *root, *list;

	*pools = (struct address_pools){ 0 };
	if (!daemonjson_find(&root, err) || !json_array_or_null(root, SETTING, &list, err))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (pools->count == POOLS_MAX)
			return json_wrong(list, err, "more than %d pools", POOLS_MAX);
		if (!read_pool(item, &pools->items[pools->count++], err))
			return false;
	}
	return true;
}

/* The next subnet of a pool; false after the last. */
static bool step(const struct address_pool *pool, struct ipnet *subnet)
{
	struct ipnet next = *subnet;

	for (int bit = pool->size - 1; bit >= pool->base.prefix; bit--) {
		unsigned char mask = (unsigned char)(0x80 >> (bit % 8));

		next.address.bytes[bit / 8] ^= mask;
		if (next.address.bytes[bit / 8] & mask) {
			*subnet = next;
			return true;
		}
	}
	return false;
}

struct search {
	const struct network *others;
	size_t count;
	struct routes routes;
	bool is_first_left; /* the very first subnet is somebody else's */
};

static bool search_pool(struct search *search, const struct address_pool *pool,
			struct ipnet *subnet)
{
	*subnet = (struct ipnet){ pool->base.address, pool->size };
	for (int i = 0; i < SUBNETS_MAX; i++) {
		if (!search->is_first_left && !overlaps_route(&search->routes, subnet) &&
		    !overlaps_network(search->others, search->count, subnet))
			return true;
		search->is_first_left = false;
		if (!step(pool, subnet))
			return false;
	}
	return false;
}

static bool has_family(const struct address_pools *pools, int family)
{
	for (size_t i = 0; i < pools->count; i++) {
		if (pools->items[i].base.address.family == family)
			return true;
	}
	return false;
}

static bool choose(const struct address_pools *own, int family, struct search *search,
		   struct ipnet *subnet, struct error *err)
{
	const struct address_pools *pools = has_family(own, family) ? own : &docker_pools;

	read_routes(&search->routes);
	for (size_t i = 0; i < pools->count; i++) {
		if (pools->items[i].base.address.family == family &&
		    search_pool(search, &pools->items[i], subnet))
			return true;
	}
	return error_set(
		err, ERROR_EXISTS,
		"could not find an available, non-overlapping IPv%d address pool among the "
		"defaults to assign to the network (%s: give --subnet)",
		family == AF_INET ? 4 : 6,
		pools == own ? "those of " SETTING " in daemon.json are in use"
			     : "172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16 are in "
			       "use");
}

/* 40 bits of the network's ID take the place of the random number of RFC 4193. */
static struct ipnet unique_ipv6(const struct network *network)
{
	struct ipnet subnet = { { AF_INET6, { 0xfd } }, ULA_PREFIX };

	for (size_t i = 0; i < 5; i++) {
		unsigned int byte;

		if (sscanf(network->id + 2 * i, "%2x", &byte) == 1)
			subnet.address.bytes[1 + i] = (unsigned char)byte;
	}
	return subnet;
}

/* The subnet's own address, or (IPv4) everybody's: nobody has them, but where there are but two. */
static bool is_end(const struct ipnet *subnet, const struct ipaddr *address)
{
	const struct ipaddr first = ipnet_first(subnet), last = ipnet_last(subnet);

	return subnet->prefix < ipaddr_bits(address) - 1 &&
	       (ipaddr_is_equal(address, &first) ||
		(address->family == AF_INET && ipaddr_is_equal(address, &last)));
}

/* As docker does: the first that could be given to a container. */
static void set_gateway(struct network_pool *pool, const struct ipnet *range)
{
	const struct ipaddr own = ipnet_first(&pool->subnet);

	if (pool->gateway.family)
		return;
	pool->gateway = ipnet_first(range);
	if (ipaddr_is_equal(&pool->gateway, &own))
		ipaddr_add(&pool->gateway, 1);
}

/* The pair that keeps the address for something else; NULL: none does. */
static const char *reserved_as(const struct network *network, const struct ipaddr *address)
{
	for (size_t i = 0; i < network->reserved.count; i++) {
		const char *equals = strchr(network->reserved.items[i], '=');
		struct ipaddr reserved;

		if (equals && ipaddr_parse(&reserved, equals + 1) &&
		    ipaddr_is_equal(&reserved, address))
			return network->reserved.items[i];
	}
	return NULL;
}

static bool refuse_reserved_gateway(const char *pair, struct error *err)
{
	int length = (int)strcspn(pair, "=");

	return error_set(
		err, ERROR_INPUT,
		"failed to allocate secondary ip address (%.*s:%s): Address already in use", length,
		pair, pair + length + 1);
}

static bool check_given(struct network_pool *pool, const struct network *others, size_t count,
			struct error *err)
{
	char text[IPADDR_TEXT_MAX];
	const struct ipaddr first = ipnet_first(&pool->subnet);
	int most = ipaddr_bits(&pool->subnet.address) - 1;

	if (!ipaddr_is_equal(&first, &pool->subnet.address))
		return error_set(err, ERROR_INPUT,
				 "invalid network config: invalid subnet %s/%d: it should be %s/%d",
				 ipaddr_text(&pool->subnet.address, text), pool->subnet.prefix,
				 ipaddr_text(&first, (char[IPADDR_TEXT_MAX]){ "" }),
				 pool->subnet.prefix);
	if (pool->subnet.prefix > most || pool->subnet.prefix < 1)
		return error_set(err, ERROR_INPUT, "invalid subnet %s/%d: no room for a container",
				 ipaddr_text(&pool->subnet.address, text), pool->subnet.prefix);
	if (overlaps_network(others, count, &pool->subnet))
		return error_set(err, ERROR_EXISTS,
				 "Pool overlaps with other one on this address space");
	if (pool->gateway.family && !ipnet_has(&pool->subnet, &pool->gateway))
		return error_set(err, ERROR_INPUT, "no matching subnet for gateway %s",
				 ipaddr_text(&pool->gateway, text));
	if (pool->gateway.family && is_end(&pool->subnet, &pool->gateway))
		return error_set(err, ERROR_INPUT,
				 "failed to allocate gateway (%s): Address already in use",
				 ipaddr_text(&pool->gateway, text));
	if (pool->range.address.family && (!ipnet_has(&pool->subnet, &pool->range.address) ||
					   pool->range.prefix < pool->subnet.prefix))
		return error_set(err, ERROR_INPUT, "no matching subnet for range %s/%d",
				 ipaddr_text(&pool->range.address, text), pool->range.prefix);
	return true;
}

bool ipam_complete(struct network *network, const struct network *others, size_t count,
		   struct error *err)
{
	struct search search = { .others = others, .count = count };
	struct address_pools own;

	if (!read_pools(&own, err))
		return false;
	if (network->is_config_only)
		count = 0; /* it takes no address of anybody's */
	if (!network->has_ipv6)
		network->pools[NETWORK_IPV6] = (struct network_pool){ 0 };
	if (network->is_without_ipv4)
		network->pools[NETWORK_IPV4] = (struct network_pool){ 0 };
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		struct network_pool *pool = &network->pools[i];

		if ((i == NETWORK_IPV6 ? !network->has_ipv6 : network->is_without_ipv4) ||
		    (network->is_config_only && !pool->is_given))
			continue;
		if (pool->is_given && !check_given(pool, others, count, err))
			return false;
		/* The first is left to the default network, which may have no bridge yet. */
		search.is_first_left = i == NETWORK_IPV4;
		if (!pool->is_given && i == NETWORK_IPV6 && !has_family(&own, AF_INET6))
			pool->subnet = unique_ipv6(network);
		else if (!pool->is_given && !choose(&own, i == NETWORK_IPV4 ? AF_INET : AF_INET6,
						    &search, &pool->subnet, err))
			return false;
		if (!network_has_gateway(network, (enum network_family)i))
			pool->gateway = (struct ipaddr){ 0 };
		else if (!network->is_config_only)
			set_gateway(pool,
				    pool->range.address.family ? &pool->range : &pool->subnet);
		const char *reserved = reserved_as(network, &pool->gateway);

		if (reserved)
			return refuse_reserved_gateway(reserved, err);
	}
	return true;
}

static bool has_room(uint32_t mask)
{
	return prefix_of(mask) < 31;
}

/* Its one address, as a rule: two calls. */
static bool read_first_address(const char *device, struct in_addr *address, uint32_t *mask)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	struct sockaddr_in answer;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, SIOCGIFADDR, &request) < 0)
		return false;
	memcpy(&answer, &request.ifr_addr, sizeof(answer));
	*address = answer.sin_addr;
	if (ioctl(fd, SIOCGIFNETMASK, &request) < 0)
		return false;
	memcpy(&answer, &request.ifr_netmask, sizeof(answer));
	*mask = answer.sin_addr.s_addr;
	return true;
}

/* Among several: others than us may give the bridge one where they listen, with no subnet to it. */
static bool find_subnet(const char *device, struct in_addr *address, uint32_t *mask)
{
	struct ifaddrs *all;
	struct sockaddr_in answer;
	bool is_found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (strcmp(one->ifa_name, device) != 0 || !one->ifa_addr || !one->ifa_netmask ||
		    one->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&answer, one->ifa_netmask, sizeof(answer));
		if (!has_room(answer.sin_addr.s_addr))
			continue;
		*mask = answer.sin_addr.s_addr;
		memcpy(&answer, one->ifa_addr, sizeof(answer));
		*address = answer.sin_addr;
		is_found = true;
		break;
	}
	freeifaddrs(all);
	return is_found;
}

static void set_default(struct network *network, const struct netdefaults *defaults)
{
	struct network_pool *ipv4 = &network->pools[NETWORK_IPV4];
	struct network_pool *ipv6 = &network->pools[NETWORK_IPV6];

	*ipv4 = *ipv6 = (struct network_pool){ 0 };
	network->is_outdated = false;
	ipv4->range = defaults->range;
	if (defaults->bip.address.family) {
		ipv4->gateway = defaults->bip.address;
		ipv4->subnet = defaults->bip;
		ipv4->subnet.address = ipnet_first(&ipv4->subnet);
		ipv4->is_given = true;
	}
	network->has_ipv6 = defaults->has_ipv6;
	if (!network->has_ipv6)
		return;
	ipv6->subnet = defaults->ipv6.address.family ? defaults->ipv6 : unique_ipv6(network);
	set_gateway(ipv6, &ipv6->subnet);
}

static bool has_address(const char *device, const struct ipaddr *wanted)
{
	struct ifaddrs *all;
	bool is_found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *one = all; one && !is_found; one = one->ifa_next) {
		struct sockaddr_in6 address;

		if (strcmp(one->ifa_name, device) != 0 || !one->ifa_addr ||
		    one->ifa_addr->sa_family != AF_INET6)
			continue;
		memcpy(&address, one->ifa_addr, sizeof(address));
		is_found = memcmp(&address.sin6_addr, wanted->bytes, sizeof(wanted->bytes)) == 0;
	}
	freeifaddrs(all);
	return is_found;
}

/* A bridge that was made before daemon.json was changed. */
static void find_default_ipv6(const char *device, struct network *network)
{
	struct network_pool *pool = &network->pools[NETWORK_IPV6];

	if (!network->has_ipv6 || has_address(device, &pool->gateway))
		return;
	*pool = (struct network_pool){ 0 };
	network->has_ipv6 = false;
	network->is_outdated = true;
}

void ipam_find_default(const struct engine *engine, const struct netdefaults *defaults,
		       struct network *network)
{
	struct network_pool *pool = &network->pools[NETWORK_IPV4];
	struct network_pool wanted;
	char device[IFNAMSIZ];
	struct in_addr address;
	uint32_t mask;

	set_default(network, defaults);
	wanted = *pool;
	network_bridge(engine, network, device);
	if (!read_first_address(device, &address, &mask) ||
	    (!has_room(mask) && !find_subnet(device, &address, &mask)))
		return;
	pool->gateway.family = AF_INET;
	memcpy(pool->gateway.bytes, &address, sizeof(address));
	pool->subnet.address = pool->gateway;
	pool->subnet.prefix = prefix_of(mask);
	pool->subnet.address = ipnet_first(&pool->subnet);
	network->is_outdated =
		wanted.is_given && (wanted.subnet.prefix != pool->subnet.prefix ||
				    !ipaddr_is_equal(&wanted.gateway, &pool->gateway));
	if (!ipnet_has(&pool->subnet, &pool->range.address))
		pool->range = (struct ipnet){ 0 };
	find_default_ipv6(device, network);
}

bool ipam_choose_default(const struct engine *engine, struct network *network, struct error *err)
{
	struct network_pool *pool = &network->pools[NETWORK_IPV4];
	autoarena struct arena arena = { 0 };
	struct search search = { 0 };
	struct netdefaults defaults;
	struct address_pools own;
	struct network *others;

	if (!netdefaults_read(&arena, &defaults, err) || !read_pools(&own, err) ||
	    !network_list(engine, &arena, &others, &search.count, err))
		return false;
	set_default(network, &defaults);
	search.others = others;
	if (!pool->is_given && !choose(&own, AF_INET, &search, &pool->subnet, err))
		return false;
	set_gateway(pool, &pool->subnet);
	return !pool->range.address.family ||
	       (ipnet_has(&pool->subnet, &pool->range.address) &&
		pool->range.prefix >= pool->subnet.prefix) ||
	       error_set(err, ERROR_INPUT,
			 "daemon.json: fixed-cidr is no part of the default network: give bip");
}

bool ipam_is_usable(const struct network *network, enum network_family family,
		    const struct ipaddr *address)
{
	const struct network_pool *pool = &network->pools[family];

	return ipnet_has(&pool->subnet, address) && !ipaddr_is_equal(address, &pool->gateway) &&
	       !is_end(&pool->subnet, address) && !reserved_as(network, address);
}
