/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/netlink.h"

/*
 * What this file says, in nft's language:
 *
 *	table ip mooring-BRIDGE {
 *		chain postrouting {
 *			type nat hook postrouting priority srcnat;
 *			ip saddr SUBNET/PREFIX oifname != "BRIDGE" masquerade
 *		}
 *	}
 *
 * One transaction: it begins by making and deleting the table, so that what follows starts from
 *nothing and a second run ends where the first did.
 */

#define CHAIN            "postrouting"
#define PRIORITY_SRCNAT  100
#define IP_SOURCE_OFFSET 12

static void begin(struct netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 };

	netlink_begin(netlink, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header,
		      sizeof(header));
}

static void batch(struct netlink *netlink, uint16_t type)
{
	struct nfgenmsg header = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_begin(netlink, type, 0, &header, sizeof(header));
}

static void table_name(char name[64], const char *bridge)
{
	snprintf(name, 64, "mooring-%s", bridge);
}

static void table(struct netlink *netlink, uint16_t type, uint16_t flags, const char *name)
{
	begin(netlink, type, flags);
	netlink_put_text(netlink, NFTA_TABLE_NAME, name);
}

static void chain(struct netlink *netlink, const char *table_of)
{
	begin(netlink, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	netlink_put_text(netlink, NFTA_CHAIN_TABLE, table_of);
	netlink_put_text(netlink, NFTA_CHAIN_NAME, CHAIN);
	netlink_put_text(netlink, NFTA_CHAIN_TYPE, "nat");

	size_t hook = netlink_nest(netlink, NFTA_CHAIN_HOOK);

	netlink_put_u32(netlink, NFTA_HOOK_HOOKNUM, htonl(NF_INET_POST_ROUTING));
	netlink_put_u32(netlink, NFTA_HOOK_PRIORITY, htonl(PRIORITY_SRCNAT));
	netlink_nest_end(netlink, hook);
}

/* -- expressions: load something into register 1, compare it, act -------------------------------
 */

struct expression {
	size_t element;
	size_t data;
};

static struct expression expression(struct netlink *netlink, const char *name)
{
	struct expression open = { .element = netlink_nest(netlink, NFTA_LIST_ELEM) };

	netlink_put_text(netlink, NFTA_EXPR_NAME, name);
	open.data = netlink_nest(netlink, NFTA_EXPR_DATA);
	return open;
}

static void expression_end(struct netlink *netlink, struct expression open)
{
	netlink_nest_end(netlink, open.data);
	netlink_nest_end(netlink, open.element);
}

static void put_value(struct netlink *netlink, uint16_t attribute, const void *value, size_t size)
{
	size_t nest = netlink_nest(netlink, attribute);

	netlink_put(netlink, NFTA_DATA_VALUE, value, size);
	netlink_nest_end(netlink, nest);
}

static void compare(struct netlink *netlink, uint32_t operation, const void *value, size_t size)
{
	struct expression open = expression(netlink, "cmp");

	netlink_put_u32(netlink, NFTA_CMP_SREG, htonl(NFT_REG_1));
	netlink_put_u32(netlink, NFTA_CMP_OP, htonl(operation));
	put_value(netlink, NFTA_CMP_DATA, value, size);
	expression_end(netlink, open);
}

static void match_source(struct netlink *netlink, struct in_addr subnet, int prefix)
{
	uint32_t mask = htonl(prefix ? ~0U << (32 - prefix) : 0), none = 0;
	struct expression open = expression(netlink, "payload");

	netlink_put_u32(netlink, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
	netlink_put_u32(netlink, NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_NETWORK_HEADER));
	netlink_put_u32(netlink, NFTA_PAYLOAD_OFFSET, htonl(IP_SOURCE_OFFSET));
	netlink_put_u32(netlink, NFTA_PAYLOAD_LEN, htonl(sizeof(subnet)));
	expression_end(netlink, open);

	open = expression(netlink, "bitwise");
	netlink_put_u32(netlink, NFTA_BITWISE_SREG, htonl(NFT_REG_1));
	netlink_put_u32(netlink, NFTA_BITWISE_DREG, htonl(NFT_REG_1));
	netlink_put_u32(netlink, NFTA_BITWISE_LEN, htonl(sizeof(mask)));
	put_value(netlink, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(netlink, NFTA_BITWISE_XOR, &none, sizeof(none));
	expression_end(netlink, open);

	subnet.s_addr &= mask;
	compare(netlink, NFT_CMP_EQ, &subnet, sizeof(subnet));
}

static void match_other_link(struct netlink *netlink, const char *bridge)
{
	char name[IFNAMSIZ] = "";
	struct expression open = expression(netlink, "meta");

	netlink_put_u32(netlink, NFTA_META_DREG, htonl(NFT_REG_1));
	netlink_put_u32(netlink, NFTA_META_KEY, htonl(NFT_META_OIFNAME));
	expression_end(netlink, open);
	snprintf(name, sizeof(name), "%s", bridge);
	compare(netlink, NFT_CMP_NEQ, name, sizeof(name));
}

static void rule(struct netlink *netlink, const char *table_of, const char *bridge,
		 struct in_addr subnet, int prefix)
{
	begin(netlink, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	netlink_put_text(netlink, NFTA_RULE_TABLE, table_of);
	netlink_put_text(netlink, NFTA_RULE_CHAIN, CHAIN);

	size_t list = netlink_nest(netlink, NFTA_RULE_EXPRESSIONS);

	match_source(netlink, subnet, prefix);
	match_other_link(netlink, bridge);
	expression_end(netlink, expression(netlink, "masq"));
	netlink_nest_end(netlink, list);
}

/* What kernels say when a part of nf_tables is not built in. */
static bool explain(struct error *err)
{
	if (err->sys == EPROTONOSUPPORT || err->sys == EOPNOTSUPP || err->sys == ENOENT ||
	    err->sys == EINVAL)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the kernel cannot masquerade (it needs CONFIG_NF_TABLES_IPV4, "
				 "CONFIG_NFT_NAT and CONFIG_NFT_MASQ)");
	return false;
}

bool nat_masquerade(const char *bridge, struct in_addr subnet, int prefix, struct error *err)
{
	struct netlink netlink;
	char name[64];

	if (!netlink_open(&netlink, NETLINK_NETFILTER, err))
		return explain(err);
	table_name(name, bridge);
	batch(&netlink, NFNL_MSG_BATCH_BEGIN);
	table(&netlink, NFT_MSG_NEWTABLE, NLM_F_CREATE, name);
	table(&netlink, NFT_MSG_DELTABLE, 0, name);
	table(&netlink, NFT_MSG_NEWTABLE, NLM_F_CREATE, name);
	chain(&netlink, name);
	rule(&netlink, name, bridge, subnet, prefix);
	batch(&netlink, NFNL_MSG_BATCH_END);

	bool is_done = netlink_send(&netlink, "masquerade", err) || explain(err);

	netlink_close(&netlink);
	return is_done;
}

bool nat_remove(const char *bridge, struct error *err)
{
	struct netlink netlink;
	char name[64];

	if (!netlink_open(&netlink, NETLINK_NETFILTER, err))
		return explain(err);
	table_name(name, bridge);
	batch(&netlink, NFNL_MSG_BATCH_BEGIN);
	table(&netlink, NFT_MSG_DELTABLE, NLM_F_ACK, name);
	batch(&netlink, NFNL_MSG_BATCH_END);

	bool is_done = netlink_send(&netlink, "remove masquerading", err) || err->sys == ENOENT;

	netlink_close(&netlink);
	return is_done;
}
