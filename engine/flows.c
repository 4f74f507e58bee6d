/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/flows.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#include "base/netlink.h"

#define FLOWS_MAX 256 /* that are forgotten at a time: each has to be named */
#define TUPLE_MAX 128

struct flow {
	unsigned char tuple[TUPLE_MAX];
	size_t size;
	uint8_t family;
};

struct search {
	const struct endpoints *endpoints;
	struct flow *flows;
	size_t count;
};

static bool is_published(const struct endpoints *endpoints, uint16_t port)
{
	for (size_t i = 0; i < endpoints->port_count; i++) {
		if (endpoints->ports[i].protocol == PORT_UDP && endpoints->ports[i].outside == port)
			return true;
	}
	return false;
}

/* A flow is named by the packet it began with: from where, to where. */
static void note_flow(struct nlmsghdr *message, void *context)
{
	struct search *search = context;
	const struct nfgenmsg *header = NLMSG_DATA(message);
	size_t size, protocol_size, value_size;
	const void *tuple = netlink_find(message, sizeof(*header), CTA_TUPLE_ORIG, &size);
	const void *protocol = netlink_find_in(tuple, size, CTA_TUPLE_PROTO, &protocol_size);
	const uint8_t *number =
		netlink_find_in(protocol, protocol_size, CTA_PROTO_NUM, &value_size);
	const void *value =
		netlink_find_in(protocol, protocol_size, CTA_PROTO_DST_PORT, &value_size);
	uint16_t port;

	if (!number || *number != IPPROTO_UDP || !value || value_size != sizeof(port) ||
	    size > TUPLE_MAX || search->count == FLOWS_MAX)
		return;
	memcpy(&port, value, sizeof(port));
	if (!is_published(search->endpoints, ntohs(port)))
		return;

	struct flow *flow = &search->flows[search->count++];

	memcpy(flow->tuple, tuple, size);
	flow->size = size;
	flow->family = header->nfgen_family;
}

static void begin(struct netlink *netlink, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	netlink_begin(netlink, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags, &header,
		      sizeof(header));
}

static bool forget(struct netlink *netlink, const struct search *search, struct error *err)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct flow *flow = &search->flows[i];

		begin(netlink, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, flow->family);
		netlink_put(netlink, CTA_TUPLE_ORIG | NLA_F_NESTED, flow->tuple, flow->size);
		if (!netlink_send(netlink, "forget a flow", err) && err->kind != ERROR_NOT_FOUND)
			return false;
	}
	return true;
}

bool flows_forget(const struct endpoints *endpoints, struct error *err)
{
	autofree struct flow *flows = NULL;
	struct search search = { .endpoints = endpoints };
	struct netlink netlink;
	struct error ignored;
	bool has_udp = false;

	for (size_t i = 0; i < endpoints->port_count; i++)
		has_udp |= endpoints->ports[i].protocol == PORT_UDP;
	if (!has_udp)
		return true;
	/* A kernel that cannot be told of flows cannot forget one. */
	if (!netlink_open(&netlink, NETLINK_NETFILTER, &ignored))
		return true;
	flows = mem_array(FLOWS_MAX, sizeof(*flows));
	search.flows = flows;
	begin(&netlink, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	bool is_done = !netlink_dump(&netlink, note_flow, &search, "look at flows", &ignored) ||
		       forget(&netlink, &search, err);

	netlink_close(&netlink);
	return is_done;
}
