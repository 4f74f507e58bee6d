/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ipaddr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool ipaddr_parse(struct ipaddr *address, const char *text)
{
	*address = (struct ipaddr){ .family = AF_INET };
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		return true;
	*address = (struct ipaddr){ .family = AF_INET6 };
	if (inet_pton(AF_INET6, text, address->bytes) == 1)
		return true;
	*address = (struct ipaddr){ 0 };
	return false;
}

const char *ipaddr_text(const struct ipaddr *address, char text[IPADDR_TEXT_MAX])
{
	if (!address->family || !inet_ntop(address->family, address->bytes, text, IPADDR_TEXT_MAX))
		text[0] = '\0';
	return text;
}

size_t ipaddr_size(const struct ipaddr *address)
{
	return address->family == AF_INET ? 4 : address->family == AF_INET6 ? 16 : 0;
}

int ipaddr_bits(const struct ipaddr *address)
{
	return (int)ipaddr_size(address) * 8;
}

bool ipaddr_is_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ipaddr_is_loopback(const struct ipaddr *address)
{
	struct in6_addr v6;

	if (address->family != AF_INET6)
		return address->family == AF_INET && address->bytes[0] == 127;
	memcpy(&v6, address->bytes, sizeof(v6));
	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

void ipaddr_add(struct ipaddr *address, uint64_t count)
{
	uint64_t carry = count;

	for (size_t i = ipaddr_size(address); i > 0 && carry; i--) {
		carry += address->bytes[i - 1];
		address->bytes[i - 1] = (unsigned char)carry;
		carry >>= 8;
	}
}

bool ipnet_parse(struct ipnet *net, const char *text)
{
	const char *slash = strchr(text, '/');
	char address[IPADDR_TEXT_MAX] = "";
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	net->prefix = (int)strtol(slash + 1, &end, 10);
	return ipaddr_parse(&net->address, address) && !*end && end - slash <= 4 &&
	       net->prefix <= ipaddr_bits(&net->address);
}

/* Sets or clears every bit from `prefix` on. */
static struct ipaddr fill_host(const struct ipnet *net, bool is_set)
{
	struct ipaddr address = net->address;

	for (int bit = net->prefix; bit < ipaddr_bits(&address); bit++) {
		unsigned char mask = (unsigned char)(0x80 >> bit % 8);

		if (is_set)
			address.bytes[bit / 8] |= mask;
		else
			address.bytes[bit / 8] &= (unsigned char)~mask;
	}
	return address;
}

struct ipaddr ipnet_first(const struct ipnet *net)
{
	return fill_host(net, false);
}

struct ipaddr ipnet_last(const struct ipnet *net)
{
	return fill_host(net, true);
}

bool ipnet_has(const struct ipnet *net, const struct ipaddr *address)
{
	const struct ipnet other = { .address = *address, .prefix = net->prefix };
	const struct ipaddr a = ipnet_first(net), b = ipnet_first(&other);

	return ipaddr_is_equal(&a, &b);
}

bool ipnet_overlaps(const struct ipnet *a, const struct ipnet *b)
{
	return ipnet_has(a->prefix < b->prefix ? a : b,
			 a->prefix < b->prefix ? &b->address : &a->address);
}
