/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PORTPROXY_H
#define ENGINE_PORTPROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

/*
 * mooring-portproxy: published ports at IPv6 addresses of the host's, where networks are a user's
 * own (hub.h) and slirp4netns listens for IPv4 alone. One for each container that has such ports.
 *
 *	client ── socket of the host's ── mooring-portproxy ── 127.0.0.1:PORT in the hub ─ (rules) ─
 *	container
 *
 * The rules are publish.c's, so it need not know where the container is. It ends when its lifeline
 * hangs up: the other end is in the container's bag.
 */

#define PORTPROXY_DATAGRAM 65536

/* One message of the SOCK_SEQPACKET socket; with it comes a bound socket, of TCP a listening one.
 * The socket's end is no more than the last message. */
struct portproxy_order {
	uint8_t protocol; /* enum port_protocol: PORT_TCP or PORT_UDP */
	uint16_t port;    /* to which port of 127.0.0.1 it leads */
};

struct portproxy {
	struct loop loop;
	struct loop_watch orders, lifeline;
	struct portproxy_listener *listeners;
	size_t connection_count;
	bool is_full; /* nothing is accepted before a connection ends */
	bool is_over;
	struct portproxy_flow *flows; /* of UDP */
	size_t flow_count;
	struct loop_timer silence;
	char datagram[PORTPROXY_DATAGRAM];
};

struct portproxy_listener {
	struct portproxy *self;
	struct loop_watch watch;
	uint16_t port;
	bool has_datagrams;
	struct portproxy_listener *next;
};

/* Zero-initialised; takes both descriptors. Until the lifeline's end. */
must_check bool portproxy_run(struct portproxy *self, int orders, int lifeline, struct error *err);

/* portproxyudp.c: makes the socket one of datagrams, and passes on what comes. */
void portproxy_udp_begin(struct portproxy_listener *listener);
/* A socket to where the listener leads: SOCK_STREAM, being connected, or SOCK_DGRAM. -1: errno. */
int portproxy_connect(const struct portproxy_listener *listener, int type);

#endif
