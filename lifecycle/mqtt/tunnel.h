/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_MQTT_TUNNEL_H
#define LIFECYCLE_MQTT_TUNNEL_H

#include "base/error.h"
#include "base/loop.h"

/*
 * The way through an HTTP proxy. libmosquitto knows SOCKS 5 (RFC 1928) but not CONNECT (RFC 9110,
 * section 9.3.6), so it is given this: a SOCKS server on the loopback that leads to one place only,
 * through the proxy.
 *
 *     libmosquitto ──SOCKS──► tunnel ──CONNECT endpoint:port──► proxy ══TLS══► AWS IoT Core
 *
 * One connection at a time: a new one ends the old one.
 */

struct tunnel;

struct tunnel_options {
	struct loop *loop;
	const char *host; /* the only place it leads to */
	int port;
	const char *proxy_host, *proxy_port;
	const char *proxy_login; /* for Basic, or NULL */
};

/* Listens on a port of the system's choice; it must still be allowed to. Texts are kept by
 * reference. */
must_check bool tunnel_open(struct tunnel **tunnel, const struct tunnel_options *options, int *port,
			    struct error *err);
/* What the last connection failed with, or NULL. */
const char *tunnel_trouble(const struct tunnel *tunnel);

#endif
