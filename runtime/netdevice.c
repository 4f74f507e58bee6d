/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/netdevice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/netlink.h"
#include "runtime/sync.h"

/*
 * A netlink socket belongs to the network namespace it was opened in. Init opens one inside and
 * hands it out; so both sides of a move are done from here, without entering any namespace. Down,
 * collect addresses (the move loses them), move and rename in one request, add the addresses, up.
 */

#define ADDRESSES_MAX 256 /* of one device */
#define LINKS_MAX     1024

/* -- addresses ------------------------------------------------------------------------------- */

/* As the kernel told it, to be told to the kernel again. */
struct address {
	struct ifaddrmsg header;
	unsigned char size; /* bytes of each of these */
	bool has_local, has_peer, has_broadcast;
	unsigned char local[16], peer[16], broadcast[16];
};

struct addresses {
	unsigned int index; /* whose */
	size_t count;       /* of them all; only ADDRESSES_MAX are kept */
	struct address *items;
};

static bool take(struct rtattr *from, unsigned char *to, unsigned char *size)
{
	if (RTA_PAYLOAD(from) > 16)
		return false;
	*size = (unsigned char)RTA_PAYLOAD(from);
	memcpy(to, RTA_DATA(from), RTA_PAYLOAD(from));
	return true;
}

static void note_address(struct nlmsghdr *message, void *context)
{
	struct addresses *addresses = context;
	struct ifaddrmsg *header = NLMSG_DATA(message);
	struct address found = { .header = *header };
	uint32_t flags = header->ifa_flags;
	unsigned int length = message->nlmsg_len - NLMSG_LENGTH(sizeof(*header));

	if (message->nlmsg_type != RTM_NEWADDR || header->ifa_index != addresses->index ||
	    header->ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	for (struct rtattr *field = IFA_RTA(header); RTA_OK(field, length);
	     field = RTA_NEXT(field, length)) {
		if (field->rta_type == IFA_LOCAL)
			found.has_local = take(field, found.local, &found.size);
		if (field->rta_type == IFA_ADDRESS)
			found.has_peer = take(field, found.peer, &found.size);
		if (field->rta_type == IFA_BROADCAST)
			found.has_broadcast = take(field, found.broadcast, &found.size);
		if (field->rta_type == IFA_FLAGS && RTA_PAYLOAD(field) == sizeof(flags))
			memcpy(&flags, RTA_DATA(field), sizeof(flags));
	}
	if (flags & IFA_F_PERMANENT && addresses->count++ < ADDRESSES_MAX)
		addresses->items[addresses->count - 1] = found;
}

static bool collect_addresses(struct netlink *host, struct addresses *addresses, const char *name,
			      struct error *err)
{
	const struct ifaddrmsg any = { .ifa_family = AF_UNSPEC };

	netlink_begin(host, RTM_GETADDR, NLM_F_DUMP, &any, sizeof(any));
	if (!netlink_dump(host, note_address, addresses, "list addresses", err))
		return false;
	if (addresses->count > ADDRESSES_MAX)
		return error_set(err, ERROR_UNSUPPORTED, "%s has more than %d addresses", name,
				 ADDRESSES_MAX);
	return true;
}

static bool add_address(struct netlink *inside, const struct address *address, unsigned int index,
			struct error *err)
{
	const struct ifaddrmsg header = { .ifa_family = address->header.ifa_family,
					  .ifa_prefixlen = address->header.ifa_prefixlen,
					  .ifa_scope = RT_SCOPE_UNIVERSE,
					  .ifa_index = index };

	netlink_begin(inside, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &header,
		      sizeof(header));
	if (address->has_local)
		netlink_put(inside, IFA_LOCAL, address->local, address->size);
	if (address->has_peer)
		netlink_put(inside, IFA_ADDRESS, address->peer, address->size);
	if (address->has_broadcast)
		netlink_put(inside, IFA_BROADCAST, address->broadcast, address->size);
	return netlink_send(inside, "add an address", err);
}

/* -- links ----------------------------------------------------------------------------------- */

struct links {
	size_t count; /* of them all; only LINKS_MAX are kept */
	int *indexes;
	const char *name; /* has one of them this name? NULL: nobody asks */
	bool is_taken;
};

static void note_link(struct nlmsghdr *message, void *context)
{
	struct links *links = context;
	struct ifinfomsg *header = NLMSG_DATA(message);
	unsigned int length = message->nlmsg_len - NLMSG_LENGTH(sizeof(*header));

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	if (links->count++ < LINKS_MAX)
		links->indexes[links->count - 1] = header->ifi_index;
	for (struct rtattr *field = IFLA_RTA(header); RTA_OK(field, length);
	     field = RTA_NEXT(field, length))
		if (field->rta_type == IFLA_IFNAME && links->name &&
		    strncmp(RTA_DATA(field), links->name, RTA_PAYLOAD(field)) == 0)
			links->is_taken = true;
}

static bool list_links(struct netlink *netlink, struct links *links, struct error *err)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };

	links->count = 0;
	links->is_taken = false;
	netlink_begin(netlink, RTM_GETLINK, NLM_F_DUMP, &any, sizeof(any));
	if (!netlink_dump(netlink, note_link, links, "list network devices", err))
		return false;
	if (links->count > LINKS_MAX)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the container has more than %d network devices", LINKS_MAX);
	return true;
}

static bool has_link(const struct links *links, int index)
{
	for (size_t i = 0; i < links->count; i++)
		if (links->indexes[i] == index)
			return true;
	return false;
}

static bool set_up(struct netlink *netlink, int index, bool is_up, struct error *err)
{
	const struct ifinfomsg header = { .ifi_index = index,
					  .ifi_change = IFF_UP,
					  .ifi_flags = is_up ? IFF_UP : 0 };

	netlink_begin(netlink, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
	return netlink_send(netlink, is_up ? "bring it up" : "bring it down", err);
}

/* -- one device ------------------------------------------------------------------------------ */

struct move {
	struct netlink host, inside;
	int namespace; /* the container's */
	struct links before, after;
	struct addresses addresses;
};

static bool change_namespace(struct move *move, int index, const char *name, struct error *err)
{
	const struct ifinfomsg header = { .ifi_index = index };

	netlink_begin(&move->host, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
	netlink_put_u32(&move->host, IFLA_NET_NS_FD, (uint32_t)move->namespace);
	netlink_put_text(&move->host, IFLA_IFNAME, name);
	return netlink_send(&move->host, "move it", err);
}

/* The kernel would move it first and then fail to rename it. */
static bool check_name(struct move *move, const char *name, struct error *err)
{
	move->before.name = name;
	if (!list_links(&move->inside, &move->before, err))
		return false;
	return !move->before.is_taken ||
	       error_set(err, ERROR_EXISTS, "the container has a device of that name");
}

/* Its number may be another inside, and with a "%d" only the kernel knows its name: it is the one
 * that was not there before. */
static bool find_moved(struct move *move, int *index, struct error *err)
{
	if (!list_links(&move->inside, &move->after, err))
		return false;
	for (size_t i = 0; i < move->after.count; i++)
		if (!has_link(&move->before, move->after.indexes[i])) {
			*index = move->after.indexes[i];
			return true;
		}
	return error_set(err, ERROR_NOT_FOUND, "it is not in the container");
}

static bool move_one(struct move *move, const struct spec_pair *device, struct error *err)
{
	unsigned int number = if_nametoindex(device->name);
	int index = (int)number;

	if (number == 0)
		return error_sys(err, "find it");
	move->addresses.index = number;
	move->addresses.count = 0;
	if (!collect_addresses(&move->host, &move->addresses, device->name, err) ||
	    !check_name(move, device->value, err) || !set_up(&move->host, index, false, err) ||
	    !change_namespace(move, index, device->value, err) || !find_moved(move, &index, err))
		return false;
	for (size_t i = 0; i < move->addresses.count; i++)
		if (!add_address(&move->inside, &move->addresses.items[i], (unsigned int)index,
				 err))
			return false;
	return set_up(&move->inside, index, true, err);
}

/* -- the conversation ------------------------------------------------------------------------ */

bool netdevice_ask(const struct init_plan *plan, struct error *err)
{
	struct sync_message message = { .step = SYNC_NETWORK, .fd_count = 1 };
	autoclose int inside = -1;

	if (plan->spec->net_device_count == 0)
		return true;
	inside = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (inside < 0)
		return error_sys(err, "open a netlink socket");
	message.fds[0] = inside;
	return sync_send(plan->sync, &message, err) &&
	       sync_expect(plan->sync, SYNC_NETWORKED, &message, err);
}

static bool move_all(struct move *move, const struct init_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->spec->net_device_count; i++) {
		const struct spec_pair *device = &plan->spec->net_devices[i];

		if (!move_one(move, device, err))
			return error_in(err, "network device %s (inside: %s)", device->name,
					device->value);
	}
	return true;
}

bool netdevice_answer(const struct init_plan *plan, const struct spawned *spawned, int socket,
		      struct error *err)
{
	struct sync_message message = { .step = SYNC_NETWORKED };
	autofree char *name = mem_printf("%d/ns/net", spawned->pid);
	autoclose int namespace = openat(plan->proc, name, O_RDONLY | O_CLOEXEC);
	autofree struct address *addresses = mem_array(ADDRESSES_MAX, sizeof(*addresses));
	autofree int *indexes = mem_array(2 * LINKS_MAX, sizeof(*indexes));
	struct move move = { .host = { .fd = -1 },
			     .namespace = namespace,
			     .before = { .indexes = indexes },
			     .after = { .indexes = indexes + LINKS_MAX },
			     .addresses = { .items = addresses } };
	bool is_good = netlink_adopt(&move.inside, socket, err);

	if (is_good && namespace < 0)
		is_good = error_sys(err, "open the container's network namespace");
	is_good = is_good && netlink_open(&move.host, NETLINK_ROUTE, err) &&
		  move_all(&move, plan, err);
	netlink_close(&move.host);
	netlink_close(&move.inside);
	return is_good && sync_send(spawned->sync, &message, err);
}
