/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/insecure.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/ipaddr.h"
#include "base/mem.h"

/* "[::1]:5000" → "::1", "registry.lan:5000" → "registry.lan" */
static char *name_of(const char *host)
{
	if (host[0] == '[')
		return mem_printf("%.*s", (int)strcspn(host + 1, "]"), host + 1);
	return mem_printf("%.*s", (int)strcspn(host, ":"), host);
}

static bool has_address(const struct ipnet *range, const struct addrinfo *info)
{
	char text[NI_MAXHOST];
	struct ipaddr address;

	return getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0,
			   NI_NUMERICHOST) == 0 &&
	       ipaddr_parse(&address, text) && ipnet_has(range, &address);
}

bool insecure_range_has(const struct ipnet *range, const char *host)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	autofree char *name = name_of(host);
	struct addrinfo *found = NULL;
	bool is_in = false;

	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return false;
	for (const struct addrinfo *info = found; info && !is_in; info = info->ai_next)
		is_in = has_address(range, info);
	freeaddrinfo(found);
	return is_in;
}
