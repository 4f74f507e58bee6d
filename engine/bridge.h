/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BRIDGE_H
#define ENGINE_BRIDGE_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/netlink.h"

/*
 * The default network: a bridge on the host, a veth pair per container, masquerading to the
 *outside.
 *
 *	container eth0 172.17.0.2/16 ═══ vethXXXXXXX ─ mooring0 172.17.0.1 ─ (nat) ─ the host's
 *links
 *
 * The kernel holds what exists; RUN/networks/ holds who has which address, one file per address.
 *The pair goes away with the container's network namespace, so only the lease has to be given back.
 */

struct bridge_attachment {
	struct netlink
		host; /* opened in the host's namespace; open until bridge_attach or _close */
	char bridge[IFNAMSIZ];
	unsigned int bridge_index;
	struct in_addr gateway;
	struct in_addr address;
	int prefix;
	char host_link[IFNAMSIZ];
};

/* Tells whether a container still holds what it was given. */
struct bridge_holders {
	bool (*is_alive)(void *context, const char *container);
	void *context;
};

/* In the host's network namespace: makes the bridge if it is not there (then also turns on
 * forwarding and masquerading) and leases the lowest free address to `container`. Leases of dead
 * containers are free. `run` is the directory of volatile state; each has a bridge of its own:
 * mooring0 for /run/mooring. A kernel without masquerade is not a failure: *warning then says so
 * (it is empty otherwise; 256 bytes). */
must_check bool bridge_lease(const char *run, const char *container, struct bridge_holders holders,
			     struct bridge_attachment *attachment, char warning[256],
			     struct error *err);

/* In the container's new network namespace: brings up lo and eth0 with the leased address and a
 * default route. Closes the host's socket. */
must_check bool bridge_attach(struct bridge_attachment *attachment, struct error *err);

/* Closes the host's socket of an attachment that will not be used. */
void bridge_close(struct bridge_attachment *attachment);

/* Gives the container's address back; none leased is success. */
must_check bool bridge_release(const char *run, const char *container, struct error *err);

/* What a running container was given, for those who only look: false if nothing was. */
struct bridge_lease {
	struct in_addr address, gateway;
	int prefix;
};
bool bridge_find(const char *run, const char *container, struct bridge_lease *lease);

/* Takes the bridge and its masquerading away, whoever uses it. */
must_check bool bridge_remove(const char *run, struct error *err);

/* In a new network namespace that gets no other link: brings lo up. */
must_check bool bridge_loopback(struct error *err);

#endif
