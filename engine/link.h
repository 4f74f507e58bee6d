/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LINK_H
#define ENGINE_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/netlink.h"

/*
 * Network devices by rtnetlink (rtnetlink(7)): what bridges and containers' links are made of.
 * The link_put_* add a message to the batch being built; the others send it and wait.
 */

#define LINK_MAC_SIZE     6
#define LINK_LOOPBACK     1 /* lo's index in every network namespace */
#define LINK_MAC_TEXT_MAX 18

void link_put_up(struct netlink *netlink, unsigned int link);
void link_put_mac(struct netlink *netlink, unsigned int link,
		  const unsigned char mac[LINK_MAC_SIZE]);
void link_put_address(struct netlink *netlink, unsigned int link, const struct ipnet *address);
/* In place of the one that is there. */
void link_put_default_route(struct netlink *netlink, unsigned int link,
			    const struct ipaddr *gateway);
/* `mtu` 0: the kernel's default. */
must_check bool link_make_bridge(struct netlink *netlink, const char *name, int mtu,
				 struct error *err);

/* One end on a bridge of ours and up, the other in another network namespace. */
struct link_pair {
	const char *host, *inside;        /* names */
	unsigned int bridge;              /* index */
	unsigned char mac[LINK_MAC_SIZE]; /* of the inner end */
	int mtu;
	int netns;
};
/* A pair of that name that is left from before is replaced. */
must_check bool link_make_pair(struct netlink *netlink, const struct link_pair *pair,
			       struct error *err);

/* What a bridge knows of the port that a container's link is. It learns nothing by what the
 * container sends: the bridge's table of hardware addresses has no end, and would be filled with
 * invented ones until no memory is left, or with those of its neighbours. One that the container
 * gives itself later is found all the same, as frames for unknown ones go to all ports. */
struct link_port {
	const char *name;
	unsigned char mac[LINK_MAC_SIZE]; /* of who is behind it */
	bool is_apart; /* from other ports that are; Linux 4.18. Older ones pass it over */
};
must_check bool link_set_port(struct netlink *netlink, const struct link_port *port,
			      struct error *err);

/* As a bridge's port it may send a frame back to where it came from: a container that reaches
 * itself by a published port, where bridged frames pass netfilter. */
must_check bool link_set_hairpin(struct netlink *netlink, const char *name, struct error *err);

/* A container's share of a device of the host (CONFIG_MACVLAN, CONFIG_IPVLAN). */
struct link_share {
	const char *kind; /* "macvlan", "ipvlan" */
	unsigned int parent;
	unsigned int mode; /* MACVLAN_MODE_*, IPVLAN_MODE_* */
	const char *inside;
	unsigned char mac[LINK_MAC_SIZE]; /* macvlan alone */
	int mtu;
	int netns;
};
must_check bool link_make_share(struct netlink *netlink, const struct link_share *share,
				struct error *err);

/* A device that is not there is success. */
must_check bool link_remove(struct netlink *netlink, const char *name, struct error *err);

/* "02:42:ac:11:00:02" */
const char *link_mac_text(const unsigned char mac[LINK_MAC_SIZE], char text[LINK_MAC_TEXT_MAX]);
bool link_mac_parse(const char *text, unsigned char mac[LINK_MAC_SIZE]);

#endif
