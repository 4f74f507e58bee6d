/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/firewall.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/netlink.h"
#include "engine/nft.h"
#include "engine/passage.h"

/*
 * In nft's language:
 *
 *	table ip mooring-BRIDGE {
 *		chain raw {
 *			type filter hook prerouting priority raw;
 *			iifname "BRIDGE" ip daddr 127.0.0.0/8 drop
 *		}
 *		chain forward {
 *			type filter hook forward priority filter;
 *			iifname "BRIDGE" ip saddr != SUBNET oifname != "BRIDGE" drop
 *			iifname "BRIDGE" oifname "BRIDGE" accept
 *			oifname "BRIDGE" ct state established,related accept
 *			oifname "BRIDGE" ct status dnat accept
 *			oifname "BRIDGE" drop
 *		}
 *		chain postrouting {
 *			type nat hook postrouting priority srcnat;
 *			ip saddr SUBNET oifname != "BRIDGE" masquerade
 *		}
 *	}
 *
 * One transaction: it begins by making and deleting the table, so that what follows starts from
 * nothing and a second run ends where the first did.
 */

#define TABLE_NAME_MAX 64

static void table_name(char name[TABLE_NAME_MAX], const char *bridge)
{
	snprintf(name, TABLE_NAME_MAX, "mooring-%s", bridge);
}

/* Publishing on 127.0.0.1 makes the bridge a way to the host's loopback (route_localnet, see
 * publish.c): not for containers, whatever listens there (CVE-2020-8558). */
static void add_raw(struct nft *nft, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW };
	static const struct ipnet loopback = { { AF_INET, { 127 } }, 8 };

	if (nft->family != AF_INET)
		return;
	nft_add_chain(nft, "raw", &hook);
	nft_rule(nft, "raw");
	nft_match_link(nft, NFT_INPUT, firewall->bridge, true);
	nft_match_net(nft, NFT_DESTINATION, &loopback, true);
	nft_verdict(nft, NFT_DROPS, NULL);
	nft_rule_end(nft);
}

static void add_inside(struct nft *nft, const struct firewall *firewall)
{
	nft_rule(nft, "forward");
	nft_match_link(nft, NFT_INPUT, firewall->bridge, true);
	nft_match_link(nft, NFT_OUTPUT, firewall->bridge, true);
	nft_verdict(nft, firewall->is_without_icc ? NFT_DROPS : NFT_ACCEPTS, NULL);
	nft_rule_end(nft);
}

static void add_drop(struct nft *nft, enum nft_direction direction, const char *bridge)
{
	nft_rule(nft, "forward");
	nft_match_link(nft, direction, bridge, true);
	nft_verdict(nft, NFT_DROPS, NULL);
	nft_rule_end(nft);
}

static void add_in_and_out(struct nft *nft, const struct firewall *firewall)
{
	const char *bridge = firewall->bridge;

	nft_rule(nft, "forward");
	nft_match_link(nft, NFT_INPUT, bridge, true);
	nft_match_net(nft, NFT_SOURCE, &firewall->subnet, false);
	nft_match_link(nft, NFT_OUTPUT, bridge, false);
	nft_verdict(nft, NFT_DROPS, NULL);
	nft_rule_end(nft);
	nft_rule(nft, "forward");
	nft_match_link(nft, NFT_OUTPUT, bridge, true);
	nft_match_established(nft);
	nft_verdict(nft, NFT_ACCEPTS, NULL);
	nft_rule_end(nft);
	add_inside(nft, firewall);
	nft_rule(nft, "forward");
	nft_match_link(nft, NFT_OUTPUT, bridge, true);
	nft_match_translated(nft);
	nft_verdict(nft, NFT_ACCEPTS, NULL);
	nft_rule_end(nft);
	add_drop(nft, NFT_OUTPUT, bridge);
}

static void add_forward(struct nft *nft, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER };

	nft_add_chain(nft, "forward", &hook);
	if (!firewall->is_internal) {
		add_in_and_out(nft, firewall);
		return;
	}
	add_inside(nft, firewall);
	add_drop(nft, NFT_INPUT, firewall->bridge);
	add_drop(nft, NFT_OUTPUT, firewall->bridge);
}

static void add_masquerade(struct nft *nft, const struct firewall *firewall)
{
	static const struct nft_hook hook = { "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC };

	if (firewall->is_internal || firewall->is_without_masquerade)
		return;
	nft_add_chain(nft, "postrouting", &hook);
	nft_rule(nft, "postrouting");
	nft_match_net(nft, NFT_SOURCE, &firewall->subnet, true);
	nft_match_link(nft, NFT_OUTPUT, firewall->bridge, false);
	nft_masquerade(nft);
	nft_rule_end(nft);
}

bool firewall_set_up(const struct firewall *firewall, struct error *err)
{
	char name[TABLE_NAME_MAX];
	struct netlink netlink;
	struct nft nft;

	if (!netlink_open(&netlink, NETLINK_NETFILTER, err))
		return error_set(err, ERROR_UNSUPPORTED,
				 "the kernel has no netfilter (CONFIG_NETFILTER, "
				 "CONFIG_NF_TABLES)");
	table_name(name, firewall->bridge);
	nft_begin(&nft, &netlink, firewall->subnet.address.family, name);
	nft_add_table(&nft, 0);
	nft_remove_table(&nft);
	nft_add_table(&nft, 0);
	add_raw(&nft, firewall);
	add_forward(&nft, firewall);
	add_masquerade(&nft, firewall);

	bool is_done = nft_commit(&nft, "set up the network's firewall", err);

	netlink_close(&netlink);
	return is_done;
}

bool firewall_pass_others(const struct firewall *firewall, struct error *err)
{
	/* Nothing is to pass there in any case. */
	return firewall->is_internal ||
	       passage_open(firewall->bridge, firewall->subnet.address.family, err);
}

bool firewall_remove(const char *bridge, struct error *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	char name[TABLE_NAME_MAX];
	bool is_done = true;

	table_name(name, bridge);
	for (size_t i = 0; i < COUNT_OF(families) && is_done; i++) {
		struct netlink netlink;
		struct nft nft;

		if (!firewall_is_there(bridge, families[i]))
			continue;
		if (!passage_close(bridge, families[i], err))
			return false;
		if (!netlink_open(&netlink, NETLINK_NETFILTER, err))
			return false;
		nft_begin(&nft, &netlink, families[i], name);
		nft_remove_table(&nft);
		is_done = nft_commit(&nft, "remove the network's firewall", err);
		netlink_close(&netlink);
	}
	return is_done;
}

bool firewall_is_there(const char *bridge, int family)
{
	struct nfgenmsg header = { .nfgen_family = family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
				   .version = NFNETLINK_V0 };
	char name[TABLE_NAME_MAX];
	struct netlink netlink;
	struct error ignored; /* an answer either way */

	if (!netlink_open(&netlink, NETLINK_NETFILTER, &ignored))
		return false;
	table_name(name, bridge);
	netlink_begin(&netlink, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put_text(&netlink, NFTA_TABLE_NAME, name);

	bool is_there = netlink_send(&netlink, "look for a table", &ignored);

	netlink_close(&netlink);
	return is_there;
}
