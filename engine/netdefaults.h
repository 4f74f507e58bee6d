/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NETDEFAULTS_H
#define ENGINE_NETDEFAULTS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * What daemon.json says of networks, with dockerd's members: the default network's addresses (bip,
 * fixed-cidr, ipv6, fixed-cidr-v6), its device and whether there is one (bridge), mtu, ip-masq, ip
 * (where ports are published that name no address); options of networks that are made later
 * (default-network-opts); name servers (dns, dns-search, dns-opts) and host-gateway-ip of all
 * containers.
 */

#define NETDEFAULTS_NO_BRIDGE "none"

struct netdefaults {
	struct ipnet bip;             /* the bridge's address; family 0: chosen by us */
	struct ipnet range;           /* fixed-cidr; family 0: all of it is given out */
	struct ipnet ipv6;            /* fixed-cidr-v6 */
	bool has_ipv6;                /* the default network has IPv6 addresses */
	const char *bridge;           /* a device that somebody else has made; "": one of ours */
	int mtu;                      /* 0: as the kernel has it */
	bool is_without_masquerade;   /* of the default network */
	bool is_without_forwarding;   /* the machine's is not turned on by us */
	bool is_open;                 /* and what else it forwards is nobody's concern */
	struct ipaddr binding;        /* family 0: all addresses of the host */
	struct ipaddr host_gateway;   /* family 0: the network's gateway */
	struct texts network_options; /* of bridge networks: "KEY=VALUE" */
	struct texts dns, dns_search, dns_options;
};

/* Lists and texts live in `arena`. The settings that are wrong are refused with their place. */
must_check bool netdefaults_parse(struct arena *arena, const struct json *root,
				  struct netdefaults *defaults, struct error *err);

/* The same from the file (daemonjson_find). */
must_check bool netdefaults_read(struct arena *arena, struct netdefaults *defaults,
				 struct error *err);

/* For who only looks: a file that cannot be read counts as none. Who starts a container hears of
 * it. */
void netdefaults_peek(struct arena *arena, struct netdefaults *defaults);

#endif
