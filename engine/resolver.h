/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVER_H
#define ENGINE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/loop.h"
#include "base/mem.h"
#include "engine/ident.h"

/*
 * mooring-resolver: names of containers in user networks, for all of a store's.
 *
 * Each container that needs it has a connection to it (kept by its monitor), by which came two
 * sockets: UDP and TCP on 127.0.0.11 in the container's network namespace. By the socket a question
 * comes from we know who asks; who shares a network with them is found, the rest is asked of the
 * host's servers from the host's namespace. When the connection ends the container is forgotten;
 * when the last has, so have we.
 *
 * Packets on a connection, one text each, lines of words; each is answered with "ok" or what is
 * wrong with it:
 *
 *	hello
 *	register ID              with the two sockets; this connection's container; with a third
 *	                         descriptor, a process's (pidfd), it is that one's end that counts
 *	change ID                of a container that is registered by another connection
 *	  ask                    whether others may be asked (no network leads outward: not)
 *	  server ADDRESS         whom
 *	  place NETWORK-ID NAME [ADDRESS]…   a network it is in
 *	  name NAME              what it is called there
 *	  link ALIAS TARGET      what it calls another one there, that has this name or ID
 */

#define RESOLVER_PACKET_MAX  65536
#define RESOLVER_SERVERS_MAX 8
#define RESOLVER_MEMBERS_MAX 4096
#define RESOLVER_PLACES_MAX  64
#define RESOLVER_NAMES_MAX   1024 /* of one container, links too */

struct resolver_name {
	struct resolver_name *next;
	const char *text;   /* lower case */
	const char *target; /* of a link: the other's name or ID */
};

struct resolver_place {
	struct resolver_place *next;
	const char *network, *name; /* the network's ID and name */
	struct ipaddr addresses[2];
	size_t count;
	struct resolver_name *names, *links;
};

/* What a packet says of a container. Lives in `arena`. */
struct resolver_facts {
	struct arena arena;
	char id[IDENT_LENGTH + 1];
	struct resolver_place *places;
	struct ipaddr servers[RESOLVER_SERVERS_MAX];
	size_t server_count;
	bool may_ask;
};

enum resolver_request {
	RESOLVER_HELLO,
	RESOLVER_REGISTER,
	RESOLVER_CHANGE,
};

/* Reads one packet; `text` is changed on the way. */
must_check bool resolver_parse(char *text, enum resolver_request *request,
			       struct resolver_facts *facts, struct error *err);

#define RESOLVER_DATAGRAM_MAX  4096
#define RESOLVER_ANSWER_MAX    16384 /* of our own, by TCP */
#define RESOLVER_ADDRESSES_MAX 512   /* of one name */

struct resolver {
	struct loop loop;
	struct loop_timer beginning; /* nobody comes: then nobody is left */
	struct loop_watch listening;
	struct member *members;
	size_t member_count;
	size_t asking; /* questions that are with other servers */
	uint32_t turn; /* of several addresses another is the first each time */
	bool is_over;

	/* For one question at a time. */
	unsigned char message[RESOLVER_DATAGRAM_MAX];
	unsigned char answer[RESOLVER_ANSWER_MAX];
	struct ipaddr found[RESOLVER_ADDRESSES_MAX];
	size_t found_count;
};

/* Serves until nobody is left. `listener` is a SOCK_SEQPACKET Unix socket. */
must_check bool resolver_run(struct resolver *resolver, int listener, struct error *err);

#endif
