/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bridge.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/nat.h"

#define DEFAULT_RUN    "/run/mooring"
#define DEFAULT_BRIDGE "mooring0"

/* Docker's pools for bridges: 172.17.0.0/16 to 172.31.0.0/16. */
#define POOL_FIRST       17
#define POOL_LAST        31
#define POOL_PREFIX      16
#define POOL(number)     (172U << 24 | (unsigned int)(number) << 16)

#define CONTAINER_ID_MAX 128
#define LOOPBACK_INDEX   1

/* A bridge for each directory of volatile state, so that two stores on one machine do not lease
 * the same address twice. The name is the directory's FNV-1a hash, to fit IFNAMSIZ. */
static void bridge_name(const char *run, char name[IFNAMSIZ])
{
	unsigned int hash = 2166136261U;

	if (strcmp(run, DEFAULT_RUN) == 0) {
		snprintf(name, IFNAMSIZ, "%s", DEFAULT_BRIDGE);
		return;
	}
	for (const char *c = run; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	snprintf(name, IFNAMSIZ, "mrg-%08x", hash);
}

/* -- links and addresses ------------------------------------------------------------------------
 */

static void put_address(struct netlink *netlink, unsigned int link, struct in_addr address,
			int prefix)
{
	struct ifaddrmsg header = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = (unsigned char)prefix,
		.ifa_index = link,
	};
	struct in_addr broadcast = { .s_addr = address.s_addr | htonl(~0U >> prefix) };

	netlink_begin(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put(netlink, IFA_LOCAL, &address, sizeof(address));
	netlink_put(netlink, IFA_ADDRESS, &address, sizeof(address));
	netlink_put(netlink, IFA_BROADCAST, &broadcast, sizeof(broadcast));
}

static void put_link_up(struct netlink *netlink, unsigned int link)
{
	struct ifinfomsg header = {
		.ifi_index = (int)link,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
}

static void put_default_route(struct netlink *netlink, unsigned int link, struct in_addr gateway)
{
	struct rtmsg header = {
		.rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	netlink_begin(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put(netlink, RTA_GATEWAY, &gateway, sizeof(gateway));
	netlink_put_u32(netlink, RTA_OIF, link);
}

static void put_new_bridge(struct netlink *netlink, const char *name)
{
	struct ifinfomsg header = { 0 };

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, name);

	size_t info = netlink_nest(netlink, IFLA_LINKINFO);

	netlink_put_text(netlink, IFLA_INFO_KIND, "bridge");
	netlink_nest_end(netlink, info);
}

/* One message makes both ends: ours on the bridge and up, the other as eth0 in the namespace
 * `netns`. The container's hardware address is made from its address, as docker does. */
static void put_new_pair(struct netlink *netlink, const struct bridge_attachment *attachment,
			 int netns)
{
	struct ifinfomsg header = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, peer = { 0 };
	unsigned char mac[6] = { 0x02, 0x42 };

	memcpy(mac + 2, &attachment->address, sizeof(attachment->address));
	netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header,
		      sizeof(header));
	netlink_put_text(netlink, IFLA_IFNAME, attachment->host_link);
	netlink_put_u32(netlink, IFLA_MASTER, attachment->bridge_index);

	size_t info = netlink_nest(netlink, IFLA_LINKINFO);

	netlink_put_text(netlink, IFLA_INFO_KIND, "veth");

	size_t data = netlink_nest(netlink, IFLA_INFO_DATA);
	size_t other = netlink_nest(netlink, VETH_INFO_PEER);

	netlink_put_raw(netlink, &peer, sizeof(peer));
	netlink_put_text(netlink, IFLA_IFNAME, "eth0");
	netlink_put(netlink, IFLA_ADDRESS, mac, sizeof(mac));
	netlink_put_u32(netlink, IFLA_NET_NS_FD, (uint32_t)netns);
	netlink_nest_end(netlink, other);
	netlink_nest_end(netlink, data);
	netlink_nest_end(netlink, info);
}

/* -- the bridge ---------------------------------------------------------------------------------
 */

/* A pool is taken when some route leads into it. */
static bool is_pool_free(int number)
{
	autofile FILE *routes = fopen("/proc/net/route", "re");
	char line[256];

	while (routes && fgets(line, sizeof(line), routes)) {
		unsigned int destination, mask;

		if (sscanf(line, "%*s %x %*x %*x %*x %*x %*x %x", &destination, &mask) != 2)
			continue;
		if (mask != 0 && ((ntohl(destination) ^ POOL(number)) & ntohl(mask) &
				  (~0U << (32 - POOL_PREFIX))) == 0)
			return false;
	}
	return true;
}

static bool choose_pool(struct bridge_attachment *attachment, struct error *err)
{
	for (int number = POOL_FIRST; number <= POOL_LAST; number++) {
		if (!is_pool_free(number))
			continue;
		attachment->gateway.s_addr = htonl(POOL(number) + 1);
		return true;
	}
	return error_set(
		err, ERROR_EXISTS,
		"no free address range among 172.17.0.0/16 to 172.31.0.0/16 for the default "
		"network: use --network host or none");
}

static bool turn_on_forwarding(struct error *err)
{
	autoclose int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "turn on IP forwarding");
	return file_write(fd, "ip_forward", "1\n", 2, err);
}

static bool make_bridge(struct bridge_attachment *attachment, char warning[256], struct error *err)
{
	struct netlink *host = &attachment->host;
	struct error cause;

	if (!choose_pool(attachment, err))
		return false;
	put_new_bridge(host, attachment->bridge);
	if (!netlink_send(host, "create the default network's bridge", err))
		return err->kind == ERROR_UNSUPPORTED
			       ? error_in(err, "the kernel has no bridges (CONFIG_BRIDGE): "
					       "use --network host or none")
			       : false;
	attachment->bridge_index = if_nametoindex(attachment->bridge);
	put_address(host, attachment->bridge_index, attachment->gateway, POOL_PREFIX);
	put_link_up(host, attachment->bridge_index);
	if (!netlink_send(host, "set up the default network's bridge", err) ||
	    !turn_on_forwarding(err))
		return false;
	if (!nat_masquerade(attachment->bridge, attachment->gateway, POOL_PREFIX, &cause))
		snprintf(warning, 256, "containers cannot reach beyond this machine: %.180s",
			 cause.text);
	return true;
}

/* The gateway is the address of the bridge that is there. */
static bool read_bridge(struct bridge_attachment *attachment, struct error *err)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address;
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, attachment->bridge, IFNAMSIZ);
	if (fd < 0 || ioctl(fd, SIOCGIFADDR, &request) < 0)
		return error_sys(err,
				 "read the address of %s (remove the link to have it made anew)",
				 attachment->bridge);
	memcpy(&address, &request.ifr_addr, sizeof(address));
	attachment->gateway = address.sin_addr;
	return true;
}

/* -- leases -------------------------------------------------------------------------------------
 */

/* The directory of leases, locked as long as *lock is open. */
static bool open_leases(const char *run, int *leases, int *lock, struct error *err)
{
	autofree char *path = mem_printf("%s/networks/bridge", run);
	autoclose int dir = -1, held = -1;

	if (!path_make_own_dirs(path, 0700, err))
		return false;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open %s", path);
	if (!file_lock(dir, ".lock", FILE_LOCK_EXCLUSIVE, &held, err))
		return false;
	*leases = take_fd(&dir);
	*lock = take_fd(&held);
	return true;
}

static bool read_holder(int leases, const char *address, char holder[CONTAINER_ID_MAX + 1])
{
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, CONTAINER_ID_MAX);
	if (!file_read(leases, address, &text, &ignored))
		return false;
	memcpy(holder, text.data, text.length + 1);
	return true;
}

static bool take_address(int leases, const char *container, struct bridge_holders holders,
			 struct bridge_attachment *attachment, struct error *err)
{
	unsigned int network = ntohl(attachment->gateway.s_addr) & (~0U << (32 - POOL_PREFIX));
	unsigned int count = 1U << (32 - POOL_PREFIX);

	for (unsigned int host = 2; host < count - 1; host++) {
		char name[INET_ADDRSTRLEN], holder[CONTAINER_ID_MAX + 1];

		attachment->address.s_addr = htonl(network + host);
		inet_ntop(AF_INET, &attachment->address, name, sizeof(name));
		if (read_holder(leases, name, holder) && strcmp(holder, container) != 0 &&
		    holders.is_alive(holders.context, holder))
			continue;
		return file_replace(leases, name, container, strlen(container), 0600, FILE_VOLATILE,
				    err);
	}
	return error_set(err, ERROR_EXISTS, "the default network has no free address");
}

bool bridge_lease(const char *run, const char *container, struct bridge_holders holders,
		  struct bridge_attachment *attachment, char warning[256], struct error *err)
{
	autoclose int leases = -1, lock = -1;

	*attachment = (struct bridge_attachment){ .prefix = POOL_PREFIX };
	warning[0] = '\0';
	bridge_name(run, attachment->bridge);
	snprintf(attachment->host_link, IFNAMSIZ, "veth%.7s", container);
	if (!netlink_open(&attachment->host, NETLINK_ROUTE, err))
		return false;
	if (!open_leases(run, &leases, &lock, err))
		goto undo;
	attachment->bridge_index = if_nametoindex(attachment->bridge);
	if (attachment->bridge_index == 0 ? !make_bridge(attachment, warning, err)
					  : !read_bridge(attachment, err))
		goto undo;
	if (!take_address(leases, container, holders, attachment, err))
		goto undo;
	return true;
undo:
	bridge_close(attachment);
	return false;
}

bool bridge_release(const char *run, const char *container, struct error *err)
{
	autoclose int leases = -1, lock = -1;
	autodir DIR *entries = NULL;

	if (!open_leases(run, &leases, &lock, err))
		return false;
	entries = fdopendir(fcntl(leases, F_DUPFD_CLOEXEC, 3));
	if (!entries)
		return error_sys(err, "read leases");
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
		char holder[CONTAINER_ID_MAX + 1];

		if (entry->d_name[0] == '.' || !read_holder(leases, entry->d_name, holder) ||
		    strcmp(holder, container) != 0)
			continue;
		if (unlinkat(leases, entry->d_name, 0) < 0 && errno != ENOENT)
			return error_sys(err, "release address %s", entry->d_name);
	}
	return true;
}

/* Without the lock: each lease is a file that was renamed into place. */
bool bridge_find(const char *run, const char *container, struct bridge_lease *lease)
{
	autofree char *path = mem_printf("%s/networks/bridge", run);
	autodir DIR *entries = opendir(path);

	for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
		char holder[CONTAINER_ID_MAX + 1];

		if (!read_holder(dirfd(entries), entry->d_name, holder) ||
		    strcmp(holder, container) != 0 ||
		    inet_pton(AF_INET, entry->d_name, &lease->address) != 1)
			continue;
		lease->prefix = POOL_PREFIX;
		lease->gateway.s_addr =
			htonl((ntohl(lease->address.s_addr) & (~0U << (32 - POOL_PREFIX))) | 1);
		return true;
	}
	return false;
}

bool bridge_remove(const char *run, struct error *err)
{
	struct ifinfomsg header = { 0 };
	struct netlink host;
	char name[IFNAMSIZ];

	bridge_name(run, name);
	header.ifi_index = (int)if_nametoindex(name);
	if (!nat_remove(name, err) || !netlink_open(&host, NETLINK_ROUTE, err))
		return false;

	bool is_done = true;

	if (header.ifi_index > 0) {
		netlink_begin(&host, RTM_DELLINK, NLM_F_ACK, &header, sizeof(header));
		is_done = netlink_send(&host, "remove the default network's bridge", err);
	}
	netlink_close(&host);
	return is_done;
}

/* -- inside the container's namespace -----------------------------------------------------------
 */

static bool set_up_inside(const struct bridge_attachment *attachment, struct error *err)
{
	unsigned int link = if_nametoindex("eth0");
	struct netlink inside;

	if (link == 0)
		return error_sys(err, "find eth0");
	if (!netlink_open(&inside, NETLINK_ROUTE, err))
		return false;
	put_link_up(&inside, LOOPBACK_INDEX);
	put_address(&inside, link, attachment->address, attachment->prefix);
	put_link_up(&inside, link);
	put_default_route(&inside, link, attachment->gateway);

	bool is_done = netlink_send(&inside, "set up the container's eth0", err);

	netlink_close(&inside);
	return is_done;
}

/* The kernel takes its time to remove a network namespace: after a restart the last life's link may
 * still be there. */
static bool remove_pair(struct bridge_attachment *attachment, struct error *err)
{
	const struct ifinfomsg header = { 0 };

	netlink_begin(&attachment->host, RTM_DELLINK, NLM_F_ACK, &header, sizeof(header));
	netlink_put_text(&attachment->host, IFLA_IFNAME, attachment->host_link);
	return netlink_send(&attachment->host, "remove the container's old link", err) ||
	       err->sys == ENODEV; /* it went by itself meanwhile */
}

static bool create_pair(struct bridge_attachment *attachment, int netns, struct error *err)
{
	static const char what[] = "create the container's link";

	put_new_pair(&attachment->host, attachment, netns);
	if (netlink_send(&attachment->host, what, err))
		return true;
	if (err->sys != EEXIST || !remove_pair(attachment, err))
		return false;
	put_new_pair(&attachment->host, attachment, netns);
	return netlink_send(&attachment->host, what, err);
}

bool bridge_attach(struct bridge_attachment *attachment, struct error *err)
{
	autoclose int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool is_done;

	if (netns < 0)
		return error_sys(err, "open the network namespace");
	is_done = create_pair(attachment, netns, err) && set_up_inside(attachment, err);
	bridge_close(attachment);
	return is_done;
}

void bridge_close(struct bridge_attachment *attachment)
{
	netlink_close(&attachment->host);
}

bool bridge_loopback(struct error *err)
{
	struct netlink inside;

	if (!netlink_open(&inside, NETLINK_ROUTE, err))
		return false;
	put_link_up(&inside, LOOPBACK_INDEX);

	bool is_done = netlink_send(&inside, "bring up lo", err);

	netlink_close(&inside);
	return is_done;
}
