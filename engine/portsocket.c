/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/portsocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

union any_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static socklen_t fill(union any_address *address, const struct ipaddr *host, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	if (host->family == AF_INET6) {
		address->ipv6.sin6_family = AF_INET6;
		address->ipv6.sin6_port = htons(port);
		memcpy(&address->ipv6.sin6_addr, host->bytes, sizeof(address->ipv6.sin6_addr));
		return sizeof(address->ipv6);
	}
	address->ipv4.sin_family = AF_INET;
	address->ipv4.sin_port = htons(port);
	memcpy(&address->ipv4.sin_addr, host->bytes, sizeof(address->ipv4.sin_addr));
	return sizeof(address->ipv4);
}

bool portsocket_bind(int fd, const struct ipaddr *address, uint16_t *port)
{
	union any_address full;
	socklen_t size = fill(&full, address, *port);
	const int on = 1;

	if (address->family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return false;
	/* The second way is for a port on which connections of a server that has ended linger. It
	 * reserves less: only where nobody listens. */
	if (bind(fd, &full.any, size) < 0 &&
	    (errno != EADDRINUSE || *port == 0 ||
	     setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	     bind(fd, &full.any, size) < 0))
		return false;
	size = sizeof(full);
	if (getsockname(fd, &full.any, &size) < 0)
		return false;
	*port = ntohs(address->family == AF_INET6 ? full.ipv6.sin6_port : full.ipv4.sin_port);
	return true;
}

int portsocket_open(enum port_protocol protocol, int family)
{
	int type = protocol == PORT_UDP ? SOCK_DGRAM : SOCK_STREAM;

	return socket(family, type | SOCK_CLOEXEC, port_protocol_number(protocol));
}

bool portsocket_is_missing(int number)
{
	return number == EAFNOSUPPORT || number == EPROTONOSUPPORT || number == ESOCKTNOSUPPORT;
}
