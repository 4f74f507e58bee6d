/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_PROXY_H
#define REGISTRY_PROXY_H

#include <curl/curl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * A proxy's URL: what is wrong with it, and whether it was the proxy that a connection was tried
 * to. It may hold a password, so no message has it.
 */

/* The parts of a proxy's URL that may be shown. */
struct proxy {
	const char *scheme; /* "http" where the URL has none */
	const char *host;   /* IPv6 in brackets; "" if the URL cannot be read */
	const char *port;   /* always there: curl's 1080 where nothing says another */
};

/* Takes `text` apart as libcurl will; parts live in `arena`. Refuses what libcurl would, and an '@'
 * behind the host: what stands before it was meant for a password, and would be a host's name. The
 * parts are set even then, as far as there are any. */
must_check bool proxy_parse(struct arena *arena, const char *text, struct proxy *proxy,
			    struct error *err);

/* Whom a connection was last tried to; port "" if to nobody. */
struct proxy_dialed {
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof("[]")];
	char port[sizeof("65535")];
};

/* As curl hands it to an opener of sockets. */
void proxy_note_dialed(struct proxy_dialed *dialed, const struct curl_sockaddr *address);

/* Was it the proxy, rather than `port` of the server itself (an exception of no_proxy)? Where both
 * have the same port, only a proxy given by its address is known for sure; otherwise: false. */
bool proxy_is_dialed(const struct proxy *proxy, const struct proxy_dialed *dialed,
		     const char *port);

#endif
