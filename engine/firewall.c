/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/firewall.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "engine/passage.h"
#include "engine/rules.h"
#include "engine/xtables.h"

/*
 * In nft's language:
 *
 *	table ip mooring-BRIDGE {
 *		chain vXX { }				what rules these are: see rules.c
 *		chain raw {
 *			type filter hook prerouting priority raw;
 *			iifname "BRIDGE" ip daddr 127.0.0.0/8 drop
 *		}
 *		chain input {
 *			type filter hook input priority filter;
 *			iifname "BRIDGE" drop                      if isolated; or
 *			iifname "BRIDGE" ip6 saddr fe80::/10 accept
 *			iifname "BRIDGE" ip saddr != SUBNET drop
 *		}
 *		chain forward {
 *			type filter hook forward priority filter;
 *			iifname "BRIDGE" ip saddr != SUBNET oifname != "BRIDGE" drop
 *			iifname "BRIDGE" oifname "BRIDGE" accept
 *			oifname "BRIDGE" ct state established,related accept
 *			oifname "BRIDGE" ct status dnat accept
 *			oifname "BRIDGE" meta l4proto icmp accept      if routed, and
 *			oifname "BRIDGE" meta mark & MARK != 0 accept
 *			oifname "BRIDGE" drop                      accept, if unprotected
 *		}
 *		chain postrouting {
 *			type nat hook postrouting priority srcnat;
 *			ip saddr SUBNET oifname != "BRIDGE" masquerade   or snat to SOURCE
 *		}
 *	}
 */

#define TABLE_NAME_MAX 64

static void table_name(char name[TABLE_NAME_MAX], const char *bridge)
{
	snprintf(name, TABLE_NAME_MAX, "mooring-%s", bridge);
}

/* Publishing on 127.0.0.1 makes the bridge a way to the host's loopback (route_localnet, see
 * publish.c): not for containers, whatever listens there (CVE-2020-8558). */
static void add_raw(struct rules *rules, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW };
	static const struct ipnet loopback = { { AF_INET, { 127 } }, 8 };

	if (firewall->subnet.address.family != AF_INET)
		return;
	rules_add_chain(rules, "raw", &hook);
	rules_begin_rule(rules, "raw");
	rules_match_link(rules, NFT_INPUT, firewall->bridge, true);
	rules_match_net(rules, NFT_DESTINATION, &loopback, true);
	rules_verdict(rules, NFT_DROPS, NULL);
	rules_end_rule(rules);
}

static void add_drop(struct rules *rules, const char *chain, enum nft_direction direction,
		     const char *bridge)
{
	rules_begin_rule(rules, chain);
	rules_match_link(rules, direction, bridge, true);
	rules_verdict(rules, NFT_DROPS, NULL);
	rules_end_rule(rules);
}

/* Nobody speaks to the host as a member of another network, or as a neighbour of the host's: what
 * is allowed to those would be allowed to a container that may forge packets (NET_RAW). The links'
 * own addresses of IPv6 are how it finds the host at all; they are accepted by this chain alone. */
static void add_input(struct rules *rules, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER };
	static const struct ipnet link_local = { { AF_INET6, { 0xfe, 0x80 } }, 10 };

	rules_add_chain(rules, "input", &hook);
	/* A bridge without an address still takes what is for any other of the host's. */
	if (firewall->mode == NETWORK_MODE_ISOLATED) {
		add_drop(rules, "input", NFT_INPUT, firewall->bridge);
		return;
	}
	if (firewall->subnet.address.family == AF_INET6) {
		rules_begin_rule(rules, "input");
		rules_match_link(rules, NFT_INPUT, firewall->bridge, true);
		rules_match_net(rules, NFT_SOURCE, &link_local, true);
		rules_verdict(rules, NFT_ACCEPTS, NULL);
		rules_end_rule(rules);
	}
	rules_begin_rule(rules, "input");
	rules_match_link(rules, NFT_INPUT, firewall->bridge, true);
	rules_match_net(rules, NFT_SOURCE, &firewall->subnet, false);
	rules_verdict(rules, NFT_DROPS, NULL);
	rules_end_rule(rules);
}

static void add_inside(struct rules *rules, const struct firewall *firewall)
{
	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_INPUT, firewall->bridge, true);
	rules_match_link(rules, NFT_OUTPUT, firewall->bridge, true);
	rules_verdict(rules, firewall->is_without_icc ? NFT_DROPS : NFT_ACCEPTS, NULL);
	rules_end_rule(rules);
}

/* To who pings, and to what is published: see publish.c. */
static void add_routed(struct rules *rules, const struct firewall *firewall)
{
	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_OUTPUT, firewall->bridge, true);
	rules_match_protocol(rules, firewall->subnet.address.family == AF_INET6 ? IPPROTO_ICMPV6
										: IPPROTO_ICMP);
	rules_verdict(rules, NFT_ACCEPTS, NULL);
	rules_end_rule(rules);
	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_OUTPUT, firewall->bridge, true);
	rules_match_mark(rules, FIREWALL_MARK);
	rules_verdict(rules, NFT_ACCEPTS, NULL);
	rules_end_rule(rules);
}

static void add_in_and_out(struct rules *rules, const struct firewall *firewall)
{
	const char *bridge = firewall->bridge;

	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_INPUT, bridge, true);
	rules_match_net(rules, NFT_SOURCE, &firewall->subnet, false);
	rules_match_link(rules, NFT_OUTPUT, bridge, false);
	rules_verdict(rules, NFT_DROPS, NULL);
	rules_end_rule(rules);
	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_OUTPUT, bridge, true);
	rules_match_established(rules);
	rules_verdict(rules, NFT_ACCEPTS, NULL);
	rules_end_rule(rules);
	add_inside(rules, firewall);
	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_OUTPUT, bridge, true);
	rules_match_translated(rules);
	rules_verdict(rules, NFT_ACCEPTS, NULL);
	rules_end_rule(rules);
	if (firewall->mode == NETWORK_MODE_ROUTED)
		add_routed(rules, firewall);
	rules_begin_rule(rules, "forward");
	rules_match_link(rules, NFT_OUTPUT, bridge, true);
	rules_verdict(rules, firewall->mode == NETWORK_MODE_UNPROTECTED ? NFT_ACCEPTS : NFT_DROPS,
		      NULL);
	rules_end_rule(rules);
}

static void add_forward(struct rules *rules, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER };

	rules_add_chain(rules, "forward", &hook);
	if (!firewall->is_internal) {
		add_in_and_out(rules, firewall);
		return;
	}
	add_inside(rules, firewall);
	add_drop(rules, "forward", NFT_INPUT, firewall->bridge);
	add_drop(rules, "forward", NFT_OUTPUT, firewall->bridge);
}

static void add_masquerade(struct rules *rules, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC };

	if (firewall->is_internal || firewall->is_without_masquerade ||
	    firewall->mode == NETWORK_MODE_ROUTED)
		return;
	rules_add_chain(rules, "postrouting", &hook);
	rules_begin_rule(rules, "postrouting");
	rules_match_net(rules, NFT_SOURCE, &firewall->subnet, true);
	rules_match_link(rules, NFT_OUTPUT, firewall->bridge, false);
	if (firewall->source.family)
		rules_set_source(rules, &firewall->source);
	else
		rules_masquerade(rules);
	rules_end_rule(rules);
}

static bool write_rules(struct rules *rules, const void *context, struct error *err)
{
	const struct firewall *firewall = context;

	(void)err;
	add_raw(rules, firewall);
	add_input(rules, firewall);
	add_forward(rules, firewall);
	add_masquerade(rules, firewall);
	return true;
}

bool firewall_set_up(const struct firewall *firewall, struct error *err)
{
	char name[TABLE_NAME_MAX];
	const struct rules_set set = {
		.engine = firewall->engine,
		.name = name,
		.family = firewall->subnet.address.family,
		.what = "set up the network's firewall",
		.write = write_rules,
		.context = firewall,
	};

	table_name(name, firewall->bridge);
	return rules_are_there(&set) || rules_apply(&set, err);
}

bool firewall_pass_others(const struct firewall *firewall, struct error *err)
{
	int family = firewall->subnet.address.family;

	/* An internal network's too: where the kernel shows bridged packets to that chain
	 * (br_netfilter), its members could not reach each other. What leaves is dropped by ours.
	 */
	return passage_open(firewall->bridge, family, err) &&
	       xtables_pass(firewall->engine, firewall->bridge, family, err);
}

bool firewall_shut(int family, struct error *err)
{
	return passage_shut(family, err) ||
	       (err->kind == ERROR_UNSUPPORTED && xtables_shut(family, err));
}

bool firewall_remove(const struct engine *engine, const char *bridge, struct error *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	char name[TABLE_NAME_MAX];

	table_name(name, bridge);
	for (size_t i = 0; i < COUNT_OF(families); i++) {
		if (!passage_close(bridge, families[i], err))
			return false;
	}
	return xtables_close_passage(engine, bridge, err) && rules_remove(engine, name, err);
}
