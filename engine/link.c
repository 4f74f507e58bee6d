/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

void link_put_up(struct netlink *netlink, unsigned int link)
{
	struct ifinfomsg header = {
		.ifi_index = (int)link,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
}

void link_put_mac(struct netlink *netlink, unsigned int link,
		  const unsigned char mac[LINK_MAC_SIZE])
{
	struct ifinfomsg header = { .ifi_index = (int)link };

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
	netlink_put(netlink, IFLA_ADDRESS, mac, LINK_MAC_SIZE);
}

void link_put_address(struct netlink *netlink, unsigned int link, const struct ipnet *address)
{
	bool is_ipv4 = address->address.family == AF_INET;
	size_t size = ipaddr_size(&address->address);
	struct ifaddrmsg header = {
		.ifa_family = (unsigned char)address->address.family,
		.ifa_prefixlen = (unsigned char)address->prefix,
		/* Duplicates cannot be: we lease the addresses. Looking for them takes a second. */
		.ifa_flags = is_ipv4 ? 0 : IFA_F_NODAD,
		.ifa_index = link,
	};

	netlink_begin(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put(netlink, IFA_LOCAL, address->address.bytes, size);
	netlink_put(netlink, IFA_ADDRESS, address->address.bytes, size);
	if (is_ipv4 && address->prefix < 31) {
		const struct ipaddr broadcast = ipnet_last(address);

		netlink_put(netlink, IFA_BROADCAST, broadcast.bytes, size);
	}
}

void link_put_default_route(struct netlink *netlink, unsigned int link,
			    const struct ipaddr *gateway)
{
	struct rtmsg header = {
		.rtm_family = (unsigned char)gateway->family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	netlink_begin(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put(netlink, RTA_GATEWAY, gateway->bytes, ipaddr_size(gateway));
	netlink_put_u32(netlink, RTA_OIF, link);
}

static void put_port_flag(struct netlink *netlink, uint16_t attribute, bool is_on)
{
	const unsigned char value = is_on;

	netlink_put(netlink, attribute, &value, sizeof(value));
}

/* Begins a change of a bridge's port; its attributes follow. */
static size_t begin_port(struct netlink *netlink, const char *name, size_t *info)
{
	struct ifinfomsg header = { 0 };

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, name);
	*info = netlink_nest(netlink, IFLA_LINKINFO);
	netlink_put_text(netlink, IFLA_INFO_SLAVE_KIND, "bridge");
	return netlink_nest(netlink, IFLA_INFO_SLAVE_DATA);
}

bool link_set_hairpin(struct netlink *netlink, const char *name, struct error *err)
{
	size_t info, port = begin_port(netlink, name, &info);

	put_port_flag(netlink, IFLA_BRPORT_MODE, true);
	netlink_nest_end(netlink, port);
	netlink_nest_end(netlink, info);
	return netlink_send(netlink, "let a bridge's port send back", err);
}

/* An entry of the bridge's table that does not age. */
static void put_static_mac(struct netlink *netlink, unsigned int link,
			   const unsigned char mac[LINK_MAC_SIZE])
{
	struct ndmsg header = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)link,
		.ndm_state = NUD_NOARP,
		.ndm_flags = NTF_MASTER,
	};

	netlink_begin(netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put(netlink, NDA_LLADDR, mac, LINK_MAC_SIZE);
}

/* In the socket's network namespace, which need not be ours. */
static bool find_index(const struct netlink *netlink, const char *name, unsigned int *index,
		       struct error *err)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(netlink->fd, SIOCGIFINDEX, &request) < 0)
		return error_sys(err, "find device %s", name);
	*index = (unsigned int)request.ifr_ifindex;
	return true;
}

bool link_set_port(struct netlink *netlink, const struct link_port *port, struct error *err)
{
	unsigned int index = 0;

	if (!find_index(netlink, port->name, &index, err))
		return false;

	size_t info, data = begin_port(netlink, port->name, &info);

	put_port_flag(netlink, IFLA_BRPORT_LEARNING, false);
	put_port_flag(netlink, IFLA_BRPORT_ISOLATED, port->is_apart);
	netlink_nest_end(netlink, data);
	netlink_nest_end(netlink, info);
	put_static_mac(netlink, index, port->mac);
	return netlink_send(netlink, "set up the bridge's port", err);
}

static void put_mtu(struct netlink *netlink, int mtu)
{
	if (mtu > 0)
		netlink_put_u32(netlink, IFLA_MTU, (uint32_t)mtu);
}

bool link_make_bridge(struct netlink *netlink, const char *name, int mtu, struct error *err)
{
	struct ifinfomsg header = { 0 };

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, name);
	put_mtu(netlink, mtu);

	size_t info = netlink_nest(netlink, IFLA_LINKINFO);

	netlink_put_text(netlink, IFLA_INFO_KIND, "bridge");
	netlink_nest_end(netlink, info);
	if (netlink_send(netlink, "create the network's bridge", err))
		return true;
	if (err->kind == ERROR_UNSUPPORTED)
		return error_in(err, "the kernel has no bridges (CONFIG_BRIDGE): "
				     "use --network host or none");
	return false;
}

/* One message makes both ends. */
static void put_new_pair(struct netlink *netlink, const struct link_pair *pair)
{
	struct ifinfomsg header = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, peer = { 0 };

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, pair->host);
	netlink_put_u32(netlink, IFLA_MASTER, pair->bridge);
	put_mtu(netlink, pair->mtu);

	size_t info = netlink_nest(netlink, IFLA_LINKINFO);

	netlink_put_text(netlink, IFLA_INFO_KIND, "veth");

	size_t data = netlink_nest(netlink, IFLA_INFO_DATA);
	size_t other = netlink_nest(netlink, VETH_INFO_PEER);

	netlink_put_raw(netlink, &peer, sizeof(peer));
	netlink_put_text(netlink, IFLA_IFNAME, pair->inside);
	netlink_put(netlink, IFLA_ADDRESS, pair->mac, LINK_MAC_SIZE);
	put_mtu(netlink, pair->mtu);
	netlink_put_u32(netlink, IFLA_NET_NS_FD, (uint32_t)pair->netns);
	netlink_nest_end(netlink, other);
	netlink_nest_end(netlink, data);
	netlink_nest_end(netlink, info);
}

bool link_make_pair(struct netlink *netlink, const struct link_pair *pair, struct error *err)
{
	static const char what[] = "create the container's link";

	put_new_pair(netlink, pair);
	if (netlink_send(netlink, what, err))
		return true;
	if (err->kind == ERROR_UNSUPPORTED)
		return error_in(err, "the kernel has no virtual Ethernet (CONFIG_VETH): "
				     "use --network host or none");
	/* The kernel takes its time to remove a network namespace: after a restart the last life's
	 * link may still be there. */
	if (err->sys != EEXIST || !link_remove(netlink, pair->host, err))
		return false;
	put_new_pair(netlink, pair);
	return netlink_send(netlink, what, err);
}

bool link_make_share(struct netlink *netlink, const struct link_share *share, struct error *err)
{
	struct ifinfomsg header = { 0 };
	bool is_macvlan = strcmp(share->kind, "macvlan") == 0;

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, share->inside);
	netlink_put_u32(netlink, IFLA_LINK, share->parent);
	put_mtu(netlink, share->mtu);
	if (is_macvlan)
		netlink_put(netlink, IFLA_ADDRESS, share->mac, LINK_MAC_SIZE);
	netlink_put_u32(netlink, IFLA_NET_NS_FD, (uint32_t)share->netns);

	size_t info = netlink_nest(netlink, IFLA_LINKINFO);

	netlink_put_text(netlink, IFLA_INFO_KIND, share->kind);

	size_t data = netlink_nest(netlink, IFLA_INFO_DATA);

	if (is_macvlan) {
		netlink_put_u32(netlink, IFLA_MACVLAN_MODE, share->mode);
	} else {
		const uint16_t mode = (uint16_t)share->mode;

		netlink_put(netlink, IFLA_IPVLAN_MODE, &mode, sizeof(mode));
	}
	netlink_nest_end(netlink, data);
	netlink_nest_end(netlink, info);
	if (netlink_send(netlink, "create the container's link", err))
		return true;
	return err->kind == ERROR_UNSUPPORTED
		       ? error_set(err, ERROR_UNSUPPORTED, "the kernel has no %s (CONFIG_%s)",
				   share->kind, is_macvlan ? "MACVLAN" : "IPVLAN")
		       : false;
}

bool link_remove(struct netlink *netlink, const char *name, struct error *err)
{
	const struct ifinfomsg header = { 0 };

	netlink_begin(netlink, RTM_DELLINK, NLM_F_ACK, &header, sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, name);
	return netlink_send(netlink, "remove a network device", err) || err->sys == ENODEV;
}

const char *link_mac_text(const unsigned char mac[LINK_MAC_SIZE], char text[LINK_MAC_TEXT_MAX])
{
	snprintf(text, LINK_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool link_mac_parse(const char *text, unsigned char mac[LINK_MAC_SIZE])
{
	if (strlen(text) != LINK_MAC_SIZE * 3 - 1)
		return false;
	for (size_t i = 0; i < LINK_MAC_SIZE; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
		char mark = text[3 * i + 2];

		if (high < 0 || low < 0 || (mark && mark != ':' && mark != '-'))
			return false;
		mac[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
