/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/attachment.h"
#include "engine/change.h"
#include "engine/find.h"
#include "engine/happening.h"
#include "engine/hostfiles.h"
#include "engine/hostns.h"
#include "engine/names.h"
#include "engine/publish.h"
#include "engine/republish.h"
#include "engine/share.h"
#include "engine/status.h"
#include "engine/usernet.h"

/* What is done to a container's networks is done by one command at a time; the container's own
 * lock is its monitor's. */
#define NETWORK_LOCK "network.lock"

static bool open_container(const struct engine *engine, const char *id, int *dir, int *lock,
			   struct error *err)
{
	if (!container_open(engine, id, dir, err))
		return false;
	return file_lock(*dir, NETWORK_LOCK, FILE_LOCK_EXCLUSIVE, lock, err);
}

typedef bool action(struct attachment *self, size_t number, struct netlink *inside, int netns,
		    struct error *err);

/* In the container's network namespace, with an rtnetlink socket there. */
static bool act_inside(struct attachment *self, size_t number, action *act, struct error *err)
{
	autoclose int here = -1, netns = -1;
	struct netlink inside;

	if (!hostns_open(&here, err) ||
	    !share_open(self->engine, self->container->id, "net", &netns, err))
		return false;
	if (setns(netns, CLONE_NEWNET) < 0)
		return error_sys(err, "enter the container's network");

	bool is_done = netlink_open(&inside, NETLINK_ROUTE, err);

	if (is_done) {
		is_done = act(self, number, &inside, netns, err);
		netlink_close(&inside);
	}
	if (setns(here, CLONE_NEWNET) < 0)
		return error_sys(err, "leave the container's network");
	return is_done;
}

/* Its routes go with the link; the next network that leads outward takes the default one over. */
static bool unplug(struct attachment *self, size_t number, struct netlink *inside, int netns,
		   struct error *err)
{
	struct endpoints *endpoints = &self->endpoints;
	bool was_outward = endpoints_outward(endpoints) == &endpoints->items[number];

	(void)netns;
	if (!link_remove(inside, endpoints->items[number].inside, err))
		return false;
	endpoints->count--;
	memmove(&endpoints->items[number], &endpoints->items[number + 1],
		(endpoints->count - number) * sizeof(*endpoints->items));

	const struct endpoint *outward = endpoints_outward(endpoints);

	if (!was_outward || !outward)
		return true;
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (outward->gateways[i].family)
			link_put_default_route(inside, if_nametoindex(outward->inside),
					       &outward->gateways[i]);
	}
	return netlink_send(inside, "change the default route", err);
}

static bool find_endpoint(const struct endpoints *endpoints, const char *network_id, size_t *number)
{
	for (*number = 0; *number < endpoints->count; ++*number) {
		if (strcmp(endpoints->items[*number].network_id, network_id) == 0)
			return true;
	}
	return false;
}

/* What a container that runs was given, with room for one more. */
static void load_endpoints(struct attachment *self)
{
	struct endpoints found;

	if (!endpoints_read(self->engine, self->arena, self->container->id, &found))
		return;
	if (found.count > ENDPOINTS_MAX)
		found.count = ENDPOINTS_MAX;
	memcpy(self->endpoints.items, found.items, found.count * sizeof(*found.items));
	self->endpoints.count = found.count;
	self->endpoints.ports = found.ports;
	self->endpoints.port_count = found.port_count;
}

/* What is published leads by this one. */
static bool carries_ports(const struct endpoints *endpoints, size_t number)
{
	return endpoints->port_count && endpoints_outward(endpoints) == &endpoints->items[number];
}

static bool record(struct attachment *self, int dir, struct error *err)
{
	return endpoints_write(&self->endpoints, dir, err) &&
	       hostfiles_write(self->engine, self->container, dir, &self->endpoints, err) &&
	       names_change(self->engine, self->container, &self->endpoints, err);
}

/* A container that was in no network to the outside has published nothing yet. The ports are bound
 * for `fresh` before anything else is done, since that is what others may have taken. */
static bool reserve_ports(struct attachment *self, const struct endpoints *chosen,
			  struct bag *fresh, bool *is_fresh, struct error *err)
{
	struct endpoints *endpoints = &self->endpoints;

	*is_fresh = !endpoints->port_count && publish_is_wanted(self->container) &&
		    endpoints_publishing(endpoints) == &endpoints->items[endpoints->count - 1];
	if (*is_fresh && chosen) {
		endpoints->ports = chosen->ports;
		endpoints->port_count = chosen->port_count;
		return true;
	}
	return !*is_fresh ||
	       publish_reserve(self->engine, self->container, self->arena, fresh, endpoints, err);
}

/* Gone from a network it stays gone, whatever becomes of its ports: as with docker. */
static bool leave_now(struct attachment *self, size_t number, struct error *err)
{
	bool is_carrier = carries_ports(&self->endpoints, number);

	if (!act_inside(self, number, unplug, err))
		return false;
	if (!is_carrier || republish(self, err))
		return true;
	if (!self->is_unpublished)
		return false;
	log_warning("%s", err->text);
	self->endpoints.port_count = 0;
	return true;
}

/* Of what could not be connected nothing is left. */
static bool give_up(struct attachment *self, size_t number, int dir)
{
	if (number >= ENDPOINTS_MAX) /* it was one too many */
		return false;

	const struct network *network = attachment_network(self, number);
	struct error ignored;

	/* A container that has just ended has left by itself. */
	if (number < self->endpoints.count &&
	    !(leave_now(self, number, &ignored) && record(self, dir, &ignored)))
		log_debug("leave network %s again: %s", network->name, ignored.text);
	if (network->id &&
	    !attachment_release_one(self->engine, network, self->container->id, &ignored))
		log_warning("give back an address: %s", ignored.text);
	return false;
}

struct joining {
	struct attachment *self;
	const struct container_network *wanted;
	bool is_in_hub;          /* away from the host's ports: */
	struct endpoints chosen; /* those that have been chosen before */
	int dir;                 /* the container's */
};

static bool connect_now(void *context, struct error *err)
{
	const struct joining *joining = context;
	const struct endpoints *chosen = joining->is_in_hub ? &joining->chosen : NULL;
	struct attachment *self = joining->self;
	struct bag fresh = BAG_EMPTY;
	bool is_fresh;

	load_endpoints(self);

	size_t number = self->endpoints.count;
	bool is_done =
		attachment_lease_one(self, joining->wanted, err) &&
		reserve_ports(self, chosen, &fresh, &is_fresh, err) &&
		act_inside(self, number, attachment_plug_one, err) &&
		(is_fresh ? republish_fresh(self, &fresh, err)
			  : !carries_ports(&self->endpoints, number) || republish(self, err)) &&
		record(self, joining->dir, err);

	bag_close(&fresh);
	return is_done || give_up(self, number, joining->dir);
}

/* Where networks are the user's own: by another process, as there is no way back from there. What
 * it would warn of has been said at the start. */
static bool act_in_hub(struct attachment *self, bool (*act)(void *context, struct error *err),
		       void *context, struct error *err)
{
	if (!hub_is_there(self->engine))
		return error_set(err, ERROR_SYSTEM,
				 "container %.12s has no network any more: restart it",
				 self->container->id);
	return hub_call(self->engine, act, context, err);
}

static bool connect_running(struct joining *joining, struct error *err)
{
	struct attachment *self = joining->self;

	if (!usernet_is_needed())
		return connect_now(joining, err);
	load_endpoints(self);
	joining->is_in_hub = true;
	usernet_expect(self->engine, self->container, joining->wanted, self->arena,
		       &joining->chosen);
	if (!self->endpoints.port_count &&
	    !usernet_choose_ports(self->engine, self->container, self->arena, &joining->chosen,
				  &self->hub.listeners, err))
		return false;
	joining->chosen.count = 0;
	return act_in_hub(self, connect_now, joining, err);
}

static bool check_mode(const struct container *container, struct error *err)
{
	if (connect_is_on_none(container))
		return error_set(err, ERROR_INPUT,
				 "container cannot be connected to multiple networks with one of "
				 "the networks in private (none) mode");
	if (network_is_mode(container->network) && !container->has_left_none)
		return error_set(err, ERROR_INPUT,
				 "container sharing network namespace with another container or "
				 "host cannot be connected to any other network");
	return true;
}

static bool is_wanted(const struct container *container, const char *network)
{
	for (size_t i = 0; i < container->network_count; i++) {
		if (strcmp(container->networks[i].name, network) == 0)
			return true;
	}
	return false;
}

/* container_read leaves room for one more; the list is sorted by name. */
static void add_wish(struct container *container, void *context)
{
	const struct container_network *wanted = context;
	struct container_network *networks = container->networks;
	size_t at = container->network_count++;

	while (at > 0 && strcmp(networks[at - 1].name, wanted->name) > 0) {
		networks[at] = networks[at - 1];
		at--;
	}
	networks[at] = *wanted;
}

static void drop_wish(struct container *container, void *context)
{
	struct container_network *networks = container->networks;
	size_t kept = 0;

	for (size_t i = 0; i < container->network_count; i++) {
		if (strcmp(networks[i].name, context) != 0)
			networks[kept++] = networks[i];
	}
	container->network_count = kept;
}

static void replace_wish(struct container *container, void *context)
{
	const struct container_network *wanted = context;

	for (size_t i = 0; i < container->network_count; i++)
		if (strcmp(container->networks[i].name, wanted->name) == 0)
			container->networks[i] = *wanted;
}

static void leave_none(struct container *container, void *context)
{
	(void)context;
	if (container->has_joined_none)
		container->has_joined_none = false;
	else
		container->has_left_none = true;
}

static void join_none(struct container *container, void *context)
{
	(void)context;
	if (strcmp(container->network, NETWORK_NONE) == 0)
		container->has_left_none = false;
	else
		container->has_joined_none = true;
}

bool connect_is_on_none(const struct container *container)
{
	return container->has_joined_none ||
	       (strcmp(container->network, NETWORK_NONE) == 0 && !container->has_left_none);
}

/* It is in no network at all, and has some of its own to be in. */
static bool has_left_all(const struct container *container)
{
	return container->network_count == 0 && !connect_is_on_none(container) &&
	       (container->has_left_none || !network_is_mode(container->network));
}

static void tell(const struct engine *engine, const char *name, const char *container)
{
	autoarena struct arena arena = { 0 };
	struct network network;
	struct error ignored;

	if (network_find(engine, &arena, name, &network, &ignored))
		happening_network(engine, &network, "connect", container);
}

bool connect_network(struct engine *engine, const struct container *container,
		     const struct container_network *wanted, char *warning, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int dir = -1, lock = -1;
	struct container_network wish = *wanted;
	struct attachment self;
	struct joining joining = { .self = &self, .wanted = wanted };
	bool is_done = true;

	/* There is nothing to do for it: who is on no network has a loopback device. */
	if (strcmp(wanted->name, NETWORK_NONE) == 0 && has_left_all(container))
		return change_container(engine, container->id, join_none, NULL, err);
	if (strcmp(wanted->name, NETWORK_NONE) == 0)
		return error_set(err, ERROR_INPUT,
				 "container cannot be connected to multiple networks with one of "
				 "the networks in private (none) mode");
	if (!check_mode(container, err) || !open_container(engine, container->id, &dir, &lock, err))
		return false;
	bool is_running = status_is_running(engine, container->id);

	/* Of one that does not run the last word counts. */
	if (is_wanted(container, wanted->name) && !is_running)
		return change_container(engine, container->id, replace_wish, &wish, err);
	if (is_wanted(container, wanted->name))
		return error_set(err, ERROR_EXISTS,
				 "endpoint with name %s already exists in network %s",
				 container->name, wanted->name);
	attachment_init(&self, engine, container, &arena, warning);
	if (is_running) {
		joining.dir = dir;
		is_done = connect_running(&joining, err);
		if (is_done)
			tell(engine, wanted->name, container->id);
	}
	attachment_close(&self);
	return is_done && change_container(engine, container->id, add_wish, &wish, err);
}

struct leaving {
	struct attachment *self;
	const struct network *network;
	int dir; /* the container's */
};

static bool disconnect_now(void *context, struct error *err)
{
	const struct leaving *leaving = context;
	struct attachment *self = leaving->self;
	size_t number;

	return !find_endpoint(&self->endpoints, leaving->network->id, &number) ||
	       (leave_now(self, number, err) && record(self, leaving->dir, err) &&
		attachment_release_one(self->engine, leaving->network, self->container->id, err));
}

bool connect_end(struct engine *engine, const struct container *container,
		 const struct network *network, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autofree char *name = mem_strdup(network->name);
	autoclose int dir = -1, lock = -1;
	struct attachment self;
	bool is_done = true;

	if (!open_container(engine, container->id, &dir, &lock, err))
		return false;
	if (strcmp(network->name, NETWORK_NONE) == 0 && connect_is_on_none(container))
		return change_container(engine, container->id, leave_none, NULL, err);
	bool is_running = status_is_running(engine, container->id);

	if (!is_wanted(container, network->name))
		return error_set(err, ERROR_NOT_FOUND, "container %s is not connected to %s%s",
				 container->id, is_running ? "network " : "the network ",
				 network->name);
	attachment_init(&self, engine, container, &arena, NULL);
	load_endpoints(&self);

	struct leaving leaving = { &self, network, dir };

	if (is_running)
		is_done = usernet_is_needed() ? act_in_hub(&self, disconnect_now, &leaving, err)
					      : disconnect_now(&leaving, err);
	if (is_done)
		happening_network(engine, network, "disconnect", container->id);
	attachment_close(&self);
	return is_done && change_container(engine, container->id, drop_wish, name, err);
}

bool connect_forget(struct engine *engine, const struct container *container, const char *network,
		    struct error *err)
{
	autofree char *name = mem_strdup(network);

	if (status_is_running(engine, container->id))
		return error_set(err, ERROR_NOT_FOUND, "network %s not found", network);
	if (!is_wanted(container, network))
		return error_set(err, ERROR_NOT_FOUND,
				 "container %s is not connected to the network %s", container->id,
				 network);
	return change_container(engine, container->id, drop_wish, name, err);
}

/* Links that lead on. ------------------------------------------------------------------------- */

/* *address is where those in the default network find it. */
static bool find_default_address(const struct engine *engine, struct arena *arena, const char *id,
				 struct ipaddr *address)
{
	struct endpoints endpoints;

	if (!endpoints_read(engine, arena, id, &endpoints))
		return false;
	for (size_t i = 0; i < endpoints.count; i++) {
		*address = endpoints.items[i].addresses[NETWORK_IPV4].address;
		if (strcmp(endpoints.items[i].network, NETWORK_BRIDGE) == 0)
			return address->family != 0;
	}
	return false;
}

/* Links are "ID:NAME:ALIAS". */
static bool move_links(const struct engine *engine, const struct container *linking,
		       const struct container *moved, const struct ipaddr *address,
		       struct error *err)
{
	autoclose int dir = -1, lock = -1;

	for (size_t i = 0; i < linking->links.count; i++) {
		const char *link = linking->links.items[i];

		if (strncmp(link, moved->id, strlen(moved->id)) != 0)
			continue;
		if ((dir < 0 && (!status_is_running(engine, linking->id) ||
				 !open_container(engine, linking->id, &dir, &lock, err))) ||
		    !hostfiles_move(dir, strrchr(link, ':') + 1, address, err))
			return dir < 0;
	}
	return true;
}

void connect_moved(const struct engine *engine, const struct container *moved)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	struct ipaddr address;
	struct error err;

	if (!find_default_address(engine, &arena, moved->id, &address) ||
	    !find_all(engine, &arena, &ids, &err))
		return;
	for (size_t i = 0; i < ids.count; i++) {
		struct container linking = { 0 };

		if (container_read(engine, &arena, ids.items[i], &linking, &err) &&
		    !move_links(engine, &linking, moved, &address, &err))
			log_warning("tell container %.12s where %s is: %s", linking.id, moved->name,
				    err.text);
		container_done(&linking);
	}
}
