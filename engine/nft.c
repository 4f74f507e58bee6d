/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define IPV4_SOURCE      12 /* offsets in the network header */
#define IPV4_DESTINATION 16
#define IPV6_SOURCE      8
#define IPV6_DESTINATION 24
#define DESTINATION_PORT 2 /* in the transport header, of TCP, UDP and SCTP */

/* include/net/netfilter/nf_conntrack.h of the kernel; nft's "ct state" is made of these. */
#define STATE_ESTABLISHED (1U << 1)
#define STATE_RELATED     (1U << 2)

uint8_t nft_protocol_family(int family)
{
	return family == AF_INET6 ? NFPROTO_IPV6 : family == AF_INET ? NFPROTO_IPV4 : NFPROTO_INET;
}

static void message(struct nft *nft, uint16_t type, uint16_t flags)
{
	struct nfgenmsg header = { .nfgen_family = nft_protocol_family(nft->family),
				   .version = NFNETLINK_V0 };

	netlink_begin(nft->netlink, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header,
		      sizeof(header));
}

static void batch(struct nft *nft, uint16_t type)
{
	struct nfgenmsg header = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_begin(nft->netlink, type, 0, &header, sizeof(header));
}

bool nft_open(struct netlink *netlink, struct error *err)
{
	return netlink_open(netlink, NETLINK_NETFILTER, err) ||
	       error_set(err, ERROR_UNSUPPORTED,
			 "the kernel has no netfilter (CONFIG_NETFILTER_NETLINK, "
			 "CONFIG_NF_TABLES)");
}

void nft_begin(struct nft *nft, struct netlink *netlink, int family, const char *table)
{
	*nft = (struct nft){ .netlink = netlink, .family = family, .table = table };
	batch(nft, NFNL_MSG_BATCH_BEGIN);
}

void nft_add_table(struct nft *nft, uint32_t flags)
{
	message(nft, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	netlink_put_text(nft->netlink, NFTA_TABLE_NAME, nft->table);
	netlink_put_u32(nft->netlink, NFTA_TABLE_FLAGS, htonl(flags));
}

void nft_remove_table(struct nft *nft)
{
	message(nft, NFT_MSG_DELTABLE, 0);
	netlink_put_text(nft->netlink, NFTA_TABLE_NAME, nft->table);
}

void nft_add_chain(struct nft *nft, const char *name, const struct nft_hook *hook)
{
	message(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	netlink_put_text(nft->netlink, NFTA_CHAIN_TABLE, nft->table);
	netlink_put_text(nft->netlink, NFTA_CHAIN_NAME, name);
	if (!hook)
		return;
	netlink_put_text(nft->netlink, NFTA_CHAIN_TYPE, hook->type);

	size_t nest = netlink_nest(nft->netlink, NFTA_CHAIN_HOOK);

	netlink_put_u32(nft->netlink, NFTA_HOOK_HOOKNUM, htonl(hook->number));
	netlink_put_u32(nft->netlink, NFTA_HOOK_PRIORITY, htonl((uint32_t)hook->priority));
	netlink_nest_end(nft->netlink, nest);
	if (hook->drops)
		netlink_put_u32(nft->netlink, NFTA_CHAIN_POLICY, htonl(NF_DROP));
}

void nft_rule(struct nft *nft, const char *chain)
{
	message(nft, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	netlink_put_text(nft->netlink, NFTA_RULE_TABLE, nft->table);
	netlink_put_text(nft->netlink, NFTA_RULE_CHAIN, chain);
	nft->rule = netlink_nest(nft->netlink, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_first(struct nft *nft, const char *chain, const void *comment, size_t length)
{
	message(nft, NFT_MSG_NEWRULE, NLM_F_CREATE);
	netlink_put_text(nft->netlink, NFTA_RULE_TABLE, nft->table);
	netlink_put_text(nft->netlink, NFTA_RULE_CHAIN, chain);
	netlink_put(nft->netlink, NFTA_RULE_USERDATA, comment, length);
	nft->rule = netlink_nest(nft->netlink, NFTA_RULE_EXPRESSIONS);
}

void nft_remove_rule(struct nft *nft, const char *chain, uint64_t handle)
{
	message(nft, NFT_MSG_DELRULE, 0);
	netlink_put_text(nft->netlink, NFTA_RULE_TABLE, nft->table);
	netlink_put_text(nft->netlink, NFTA_RULE_CHAIN, chain);
	netlink_put(nft->netlink, NFTA_RULE_HANDLE, &handle, sizeof(handle));
}

void nft_rule_end(struct nft *nft)
{
	netlink_nest_end(nft->netlink, nft->rule);
}

/* -- expressions --------------------------------------------------------------------------------
 */

struct expression {
	size_t element;
	size_t data;
};

static struct expression expression(struct nft *nft, const char *name)
{
	struct expression open = { .element = netlink_nest(nft->netlink, NFTA_LIST_ELEM) };

	netlink_put_text(nft->netlink, NFTA_EXPR_NAME, name);
	open.data = netlink_nest(nft->netlink, NFTA_EXPR_DATA);
	return open;
}

static void expression_end(struct nft *nft, struct expression open)
{
	netlink_nest_end(nft->netlink, open.data);
	netlink_nest_end(nft->netlink, open.element);
}

static void put_number(struct nft *nft, uint16_t attribute, uint32_t value)
{
	netlink_put_u32(nft->netlink, attribute, htonl(value));
}

static void put_value(struct nft *nft, uint16_t attribute, const void *value, size_t size)
{
	size_t nest = netlink_nest(nft->netlink, attribute);

	netlink_put(nft->netlink, NFTA_DATA_VALUE, value, size);
	netlink_nest_end(nft->netlink, nest);
}

static void load_meta(struct nft *nft, uint32_t key)
{
	struct expression open = expression(nft, "meta");

	put_number(nft, NFTA_META_DREG, NFT_REG_1);
	put_number(nft, NFTA_META_KEY, key);
	expression_end(nft, open);
}

static void load_payload(struct nft *nft, uint32_t base, uint32_t offset, size_t size)
{
	struct expression open = expression(nft, "payload");

	put_number(nft, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(nft, NFTA_PAYLOAD_BASE, base);
	put_number(nft, NFTA_PAYLOAD_OFFSET, offset);
	put_number(nft, NFTA_PAYLOAD_LEN, (uint32_t)size);
	expression_end(nft, open);
}

/* What the mask leaves, and then these bits the other way round. */
static void change(struct nft *nft, const void *kept, const void *turned, size_t size)
{
	struct expression open = expression(nft, "bitwise");

	put_number(nft, NFTA_BITWISE_SREG, NFT_REG_1);
	put_number(nft, NFTA_BITWISE_DREG, NFT_REG_1);
	put_number(nft, NFTA_BITWISE_LEN, (uint32_t)size);
	put_value(nft, NFTA_BITWISE_MASK, kept, size);
	put_value(nft, NFTA_BITWISE_XOR, turned, size);
	expression_end(nft, open);
}

static void mask(struct nft *nft, const void *bits, size_t size)
{
	static const unsigned char none[16];

	change(nft, bits, none, size);
}

static void compare(struct nft *nft, uint32_t operation, const void *value, size_t size)
{
	struct expression open = expression(nft, "cmp");

	put_number(nft, NFTA_CMP_SREG, NFT_REG_1);
	put_number(nft, NFTA_CMP_OP, operation);
	put_value(nft, NFTA_CMP_DATA, value, size);
	expression_end(nft, open);
}

static void load_immediate(struct nft *nft, uint32_t reg, const void *value, size_t size)
{
	struct expression open = expression(nft, "immediate");

	put_number(nft, NFTA_IMMEDIATE_DREG, reg);
	put_value(nft, NFTA_IMMEDIATE_DATA, value, size);
	expression_end(nft, open);
}

void nft_match_link(struct nft *nft, enum nft_direction direction, const char *name, bool is_same)
{
	char padded[IFNAMSIZ] = "";

	snprintf(padded, sizeof(padded), "%s", name);
	load_meta(nft, direction == NFT_INPUT ? NFT_META_IIFNAME : NFT_META_OIFNAME);
	compare(nft, is_same ? NFT_CMP_EQ : NFT_CMP_NEQ, padded, sizeof(padded));
}

static void load_address(struct nft *nft, enum nft_end end, size_t size)
{
	uint32_t offset = nft->family == AF_INET6
				  ? (end == NFT_SOURCE ? IPV6_SOURCE : IPV6_DESTINATION)
				  : (end == NFT_SOURCE ? IPV4_SOURCE : IPV4_DESTINATION);

	load_payload(nft, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
}

void nft_match_net(struct nft *nft, enum nft_end end, const struct ipnet *net, bool is_same)
{
	const struct ipnet all = { .address = { .family = net->address.family },
				   .prefix = net->prefix };
	struct ipaddr bits = ipnet_last(&all), first = ipnet_first(net);
	size_t size = ipaddr_size(&first);

	/* The last address of "anything" has the host's bits set: the mask is the rest. */
	for (size_t i = 0; i < size; i++)
		bits.bytes[i] = (unsigned char)~bits.bytes[i];
	load_address(nft, end, size);
	mask(nft, bits.bytes, size);
	compare(nft, is_same ? NFT_CMP_EQ : NFT_CMP_NEQ, first.bytes, size);
}

void nft_match_address(struct nft *nft, enum nft_end end, const struct ipaddr *address,
		       bool is_same)
{
	load_address(nft, end, ipaddr_size(address));
	compare(nft, is_same ? NFT_CMP_EQ : NFT_CMP_NEQ, address->bytes, ipaddr_size(address));
}

void nft_match_local(struct nft *nft)
{
	const uint32_t local = RTN_LOCAL; /* in the machine's order, as is what fib loads */
	struct expression open = expression(nft, "fib");

	put_number(nft, NFTA_FIB_DREG, NFT_REG_1);
	put_number(nft, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put_number(nft, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expression_end(nft, open);
	compare(nft, NFT_CMP_EQ, &local, sizeof(local));
}

void nft_match_protocol(struct nft *nft, uint8_t protocol)
{
	load_meta(nft, NFT_META_L4PROTO);
	compare(nft, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

void nft_match_mark(struct nft *nft, uint32_t bit)
{
	const uint32_t none = 0;

	load_meta(nft, NFT_META_MARK);
	mask(nft, &bit, sizeof(bit));
	compare(nft, NFT_CMP_NEQ, &none, sizeof(none));
}

void nft_set_mark(struct nft *nft, uint32_t bit, bool is_set)
{
	const uint32_t kept = ~bit, turned = is_set ? bit : 0;

	load_meta(nft, NFT_META_MARK);
	change(nft, &kept, &turned, sizeof(kept));

	struct expression open = expression(nft, "meta");

	put_number(nft, NFTA_META_KEY, NFT_META_MARK);
	put_number(nft, NFTA_META_SREG, NFT_REG_1);
	expression_end(nft, open);
}

static void match_conntrack(struct nft *nft, uint32_t key, uint32_t bits)
{
	const uint32_t none = 0;
	struct expression open = expression(nft, "ct");

	put_number(nft, NFTA_CT_DREG, NFT_REG_1);
	put_number(nft, NFTA_CT_KEY, key);
	expression_end(nft, open);
	mask(nft, &bits, sizeof(bits));
	compare(nft, NFT_CMP_NEQ, &none, sizeof(none));
}

void nft_match_established(struct nft *nft)
{
	match_conntrack(nft, NFT_CT_STATE, STATE_ESTABLISHED | STATE_RELATED);
}

void nft_match_translated(struct nft *nft)
{
	match_conntrack(nft, NFT_CT_STATUS, IPS_DST_NAT);
}

void nft_match_ports(struct nft *nft, uint8_t protocol, uint16_t first, uint16_t last)
{
	const uint16_t low = htons(first), high = htons(last);

	nft_match_protocol(nft, protocol);
	load_payload(nft, NFT_PAYLOAD_TRANSPORT_HEADER, DESTINATION_PORT, sizeof(low));
	if (first == last) {
		compare(nft, NFT_CMP_EQ, &low, sizeof(low));
		return;
	}
	compare(nft, NFT_CMP_GTE, &low, sizeof(low));
	compare(nft, NFT_CMP_LTE, &high, sizeof(high));
}

void nft_verdict(struct nft *nft, enum nft_outcome outcome, const char *chain)
{
	static const int codes[] = {
		[NFT_ACCEPTS] = NF_ACCEPT, [NFT_DROPS] = NF_DROP, [NFT_JUMPS] = NFT_JUMP
	};
	struct expression open = expression(nft, "immediate");

	put_number(nft, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);

	size_t data = netlink_nest(nft->netlink, NFTA_IMMEDIATE_DATA);
	size_t verdict = netlink_nest(nft->netlink, NFTA_DATA_VERDICT);

	put_number(nft, NFTA_VERDICT_CODE, (uint32_t)codes[outcome]);
	if (chain)
		netlink_put_text(nft->netlink, NFTA_VERDICT_CHAIN, chain);
	netlink_nest_end(nft->netlink, verdict);
	netlink_nest_end(nft->netlink, data);
	expression_end(nft, open);
}

void nft_masquerade(struct nft *nft)
{
	expression_end(nft, expression(nft, "masq"));
}

void nft_set_source(struct nft *nft, const struct ipaddr *address)
{
	load_immediate(nft, NFT_REG_1, address->bytes, ipaddr_size(address));

	struct expression open = expression(nft, "nat");

	put_number(nft, NFTA_NAT_TYPE, NFT_NAT_SNAT);
	put_number(nft, NFTA_NAT_FAMILY, nft_protocol_family(nft->family));
	put_number(nft, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	expression_end(nft, open);
}

void nft_redirect(struct nft *nft, const struct ipaddr *address, uint16_t port)
{
	const uint16_t big_endian = htons(port);

	load_immediate(nft, NFT_REG_1, address->bytes, ipaddr_size(address));
	if (port)
		load_immediate(nft, NFT_REG_2, &big_endian, sizeof(big_endian));

	struct expression open = expression(nft, "nat");

	put_number(nft, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put_number(nft, NFTA_NAT_FAMILY, nft_protocol_family(nft->family));
	put_number(nft, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	if (port)
		put_number(nft, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
	expression_end(nft, open);
}

/* What kernels say when a part of nf_tables is not built in. */
static bool explain(const struct nft *nft, struct error *err)
{
	if (err->sys == EPROTONOSUPPORT || err->sys == EOPNOTSUPP || err->sys == ENOENT ||
	    err->sys == EINVAL)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the kernel lacks a part of nf_tables (it needs "
				 "CONFIG_NF_TABLES_%s, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, "
				 "CONFIG_NFT_CT and CONFIG_NFT_FIB_%s)",
				 nft->family == AF_INET6 ? "IPV6" : "IPV4",
				 nft->family == AF_INET6 ? "IPV6" : "IPV4");
	return false;
}

bool nft_commit(struct nft *nft, const char *what, struct error *err)
{
	netlink_await(nft->netlink);
	batch(nft, NFNL_MSG_BATCH_END);
	return netlink_send(nft->netlink, what, err) || explain(nft, err);
}
