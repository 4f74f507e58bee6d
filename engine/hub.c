/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/link.h"
#include "engine/netsysctl.h"
#include "engine/portsocket.h"
#include "engine/proxied.h"
#include "engine/status.h"
#include "engine/userns.h"

#define DIRECTORY "networks/hub" /* in the run directory */
#define LOCK      "lock"
#define FIFO      "life"
#define MEMBER    "slirp" /* "PID START-TIME" */
/* Of a container: "N PORT\n" for each that slirp4netns listens for; N is 0 where it does not; then
 * "proxy …", see proxied.h. */
#define PORTS      "ports-"
#define DEVICE     "tap0"
#define MEMBER_MAX 64
#define PORTS_MAX  (64 << 10)
#define PATIENCE   2 /* answers, see is_alive */

static int open_dir(const struct engine *engine)
{
	autofree char *path = mem_printf("%s/" DIRECTORY, engine->run);

	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool hub_has_been(const struct engine *engine)
{
	autoclose int dir = open_dir(engine);

	return dir >= 0 && userns_is_inside();
}

static char *api_of(const struct engine *engine)
{
	return mem_printf("%s/" DIRECTORY "/api", engine->run);
}

void hub_close(struct hub *hub)
{
	mem_cleanup_close(&hub->space);
	mem_cleanup_close(&hub->life);
	mem_cleanup_close(&hub->lock);
	bag_close(&hub->listeners);
	*hub = HUB_NONE;
}

/* Finding it. --------------------------------------------------------------------------------- */

/* It may have seen the end of its last container just before the FIFO was opened anew: it looks at
 * that once in each round, and answers one question in each. */
static bool is_alive(const char *api)
{
	char answer[USERNET_ANSWER_MAX];
	struct error ignored;
	int count = 0;

	while (count < PATIENCE &&
	       usernet_ask(api, "{\"execute\":\"list_hostfwd\"}", answer, &ignored))
		count++;
	return count == PATIENCE;
}

/* -1: none. */
static int open_space(int dir)
{
	autobuf struct buf text = { 0 };
	unsigned long long start;
	struct error ignored;
	char path[64];
	int pid;

	buf_init(&text, MEMBER_MAX);
	if (!file_read(dir, MEMBER, &text, &ignored) ||
	    sscanf(text.data, "%d %llu", &pid, &start) != 2 || !proc_is_alive(pid, start))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, USERNET_SPACE_FD);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Keeps it from ending. */
static bool find(struct hub *hub, int dir, const char *api)
{
	hub->life = openat(dir, FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	hub->space = hub->life < 0 ? -1 : open_space(dir);
	if (hub->space >= 0 && is_alive(api))
		return true;
	mem_cleanup_close(&hub->space);
	mem_cleanup_close(&hub->life);
	hub->space = hub->life = -1;
	return false;
}

/* Ports. -------------------------------------------------------------------------------------- */

static void end_ports(int dir, const char *file, const char *api)
{
	autobuf struct buf text = { 0 };
	struct error ignored; /* it may have ended, and with it all that it listened for */
	bool is_there = true;

	buf_init(&text, PORTS_MAX);
	if (file_read(dir, file, &text, &ignored)) {
		char *rest = text.data;

		for (char *line; (line = strsep(&rest, "\n")) && *line;) {
			char answer[USERNET_ANSWER_MAX], request[USERNET_ANSWER_MAX];

			proxied_end(line);
			if (strtol(line, NULL, 10) == 0 || !is_there)
				continue;
			snprintf(request, sizeof(request),
				 "{\"execute\":\"remove_hostfwd\",\"arguments\":{\"id\":%ld}}",
				 strtol(line, NULL, 10));
			is_there = usernet_ask(api, request, answer, &ignored) ||
				   ignored.sys != ECONNREFUSED;
		}
	}
	unlinkat(dir, file, 0);
}

/* Of containers whose monitor was killed, and of `starting` before; of all, where a hub is only to
 * come. */
static void sweep(const struct engine *engine, int dir, const char *api, const char *starting,
		  bool is_new)
{
	autodir DIR *entries = file_list(dir, ".");

	for (const struct dirent *entry; entries && (entry = readdir(entries));) {
		const char *id = entry->d_name + strlen(PORTS);

		if (strncmp(entry->d_name, PORTS, strlen(PORTS)) != 0)
			continue;
		if (is_new)
			unlinkat(dir, entry->d_name, 0);
		else if (strcmp(id, starting) == 0 || !status_is_locked(engine, id))
			end_ports(dir, entry->d_name, api);
	}
}

void hub_unpublish(const struct engine *engine, const char *container)
{
	autofree char *file = mem_printf(PORTS "%s", container);
	autofree char *api = api_of(engine);
	autoclose int dir = open_dir(engine);
	autoclose int lock = -1;
	struct error ignored; /* who comes next sweeps */

	if (dir >= 0 && faccessat(dir, file, F_OK, 0) == 0 &&
	    file_lock(dir, LOCK, FILE_LOCK_EXCLUSIVE, &lock, &ignored))
		end_ports(dir, file, api);
}

/* In the hub: the same number as outside, unless somebody publishes that of another address. */
static bool reserve(const struct published *port, uint16_t *inside, struct bag *bag,
		    struct error *err)
{
	static const struct ipaddr everywhere = { .family = AF_INET };
	autoclose int fd = portsocket_open(port->protocol, AF_INET);

	*inside = port->outside;
	if (fd < 0)
		return error_sys(err, "open a socket for port %d", port->outside);
	if (!portsocket_bind(fd, &everywhere, inside)) {
		*inside = 0;
		if (!portsocket_bind(fd, &everywhere, inside))
			return error_sys(err, "reserve a port for port %d", port->outside);
	}
	return bag_put(bag, take_fd(&fd), err);
}

bool hub_publish(const struct engine *engine, const struct container *container,
		 struct arena *arena, const struct endpoints *endpoints,
		 const struct bag *listeners, struct endpoints *inside, struct bag *bag,
		 struct error *err)
{
	autofree char *file = mem_printf(PORTS "%s", container->id);
	autofree char *api = api_of(engine);
	autobuf struct buf text = { 0 };
	autoclose int dir = open_dir(engine);
	bool is_done = true;

	*inside = *endpoints;
	if (!endpoints->port_count)
		return true;
	inside->ports = arena_array(arena, endpoints->port_count, sizeof(*inside->ports));
	buf_init(&text, PORTS_MAX);
	for (size_t i = 0; is_done && i < endpoints->port_count; i++) {
		struct published *port = &inside->ports[i];
		int id = 0;

		*port = endpoints->ports[i];
		port->address = (struct ipaddr){ .family = AF_INET };
		is_done = reserve(&endpoints->ports[i], &port->outside, bag, err) &&
			  (endpoints->ports[i].address.family == AF_INET6 ||
			   usernet_listen(api, &endpoints->ports[i], port->outside, &id, err));
		if (is_done)
			buf_printf(&text, "%d %u\n", id, port->outside);
	}
	char proxy[PROXIED_NAME_MAX] = "";

	is_done = is_done && proxied_start(listeners, endpoints, inside, bag, proxy, err);
	buf_printf(&text, "%s\n", proxy);
	/* Also of those that there are before a failure, for the end. */
	struct error ignored;

	return buf_check(&text, file, is_done ? err : &ignored) &&
	       file_replace_outside(dir, file, text.data, text.length, 0600, FILE_VOLATILE,
				    is_done ? err : &ignored) &&
	       is_done;
}

bool hub_find_published(const struct engine *engine, const struct container *container,
			struct arena *arena, const struct endpoints *endpoints,
			struct endpoints *inside, struct error *err)
{
	autofree char *file = mem_printf(PORTS "%s", container->id);
	autobuf struct buf text = { 0 };
	autoclose int dir = open_dir(engine);

	*inside = *endpoints;
	if (!endpoints->port_count)
		return true;
	buf_init(&text, PORTS_MAX);
	if (!file_read(dir, file, &text, err))
		return error_in(err, "find what is published");
	inside->ports = arena_array(arena, endpoints->port_count, sizeof(*inside->ports));

	char *rest = text.data;

	for (size_t i = 0; i < endpoints->port_count; i++) {
		const char *line = strsep(&rest, "\n");
		const char *port = line ? strchr(line, ' ') : NULL;

		if (!port)
			return error_set(err, ERROR_SYSTEM, "%s is too short", file);
		inside->ports[i] = endpoints->ports[i];
		inside->ports[i].address = (struct ipaddr){ .family = AF_INET };
		inside->ports[i].outside = (uint16_t)strtoul(port, NULL, 10);
	}
	return true;
}

/* Making it. ---------------------------------------------------------------------------------- */

static bool note_helper(int dir, pid_t helper, struct error *err)
{
	unsigned long long start;
	char text[MEMBER_MAX];

	if (!proc_start_time(helper, &start, err))
		return false;
	snprintf(text, sizeof(text), "%d %llu\n", (int)helper, start);
	return file_replace_outside(dir, MEMBER, text, strlen(text), 0600, FILE_VOLATILE, err);
}

/* A FIFO of its own: one of a helper that is about to end leads nowhere. */
static bool make_fifo(struct hub *hub, int dir, int *reading, struct error *err)
{
	if (unlinkat(dir, FIFO, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove the last hub's FIFO");
	if (mkfifoat(dir, FIFO, 0600) < 0)
		return error_sys(err, "make the hub's FIFO");
	*reading = openat(dir, FIFO, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	hub->life = *reading < 0 ? -1 : openat(dir, FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return hub->life >= 0 || error_sys(err, "open the hub's FIFO");
}

/* In it: the way out for IPv6. What slirp4netns advertises is left alone: the addresses are known,
 * and a router takes no advice. A kernel without IPv6 has no such way. */
static bool set_up_ipv6(struct error *err)
{
	unsigned int device = if_nametoindex(DEVICE);
	struct netlink netlink;
	struct ipaddr gateway;
	struct ipnet own;

	if (!netsysctl_set("ipv6/conf/" DEVICE "/accept_ra", "0\n", err))
		return err->kind == ERROR_NOT_FOUND;
	if (!netlink_open(&netlink, NETLINK_ROUTE, err))
		return false;
	(void)ipnet_parse(&own, USERNET_ADDRESS6);
	(void)ipaddr_parse(&gateway, USERNET_GATEWAY6);
	link_put_address(&netlink, device, &own);
	link_put_default_route(&netlink, device, &gateway);

	/* It is switched off here: what needs it says so. */
	bool is_done = netlink_send(&netlink, "set up IPv6", err) || err->sys == EACCES ||
		       err->kind == ERROR_UNSUPPORTED;

	netlink_close(&netlink);
	return is_done;
}

/* This process is the first in it. */
static bool make(struct hub *hub, int dir, const char *api, struct error *err)
{
	struct usernet usernet = USERNET_NONE;
	char program[USERNET_PROGRAM_MAX];
	autoclose int reading = -1;

	usernet.api = api;
	if (unlink(api) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", api);
	if (!usernet_find_program(program, err) || !make_fifo(hub, dir, &reading, err))
		return false;

	bool is_done =
		usernet_fork(program, &usernet, DEVICE, reading, hub->life, err) &&
		(unshare(CLONE_NEWNET) == 0 || error_sys(err, "make a namespace for networks")) &&
		usernet_start(&usernet, err) && set_up_ipv6(err) &&
		note_helper(dir, usernet.helper, err);

	usernet_close(&usernet);
	return is_done;
}

bool hub_enter(struct hub *hub, const struct engine *engine, const struct container *container,
	       struct arena *arena, struct endpoints *endpoints, struct bag *bag, struct error *err)
{
	autofree char *path = mem_printf("%s/" DIRECTORY, engine->run);
	autofree char *api = api_of(engine);

	if (!path_make_own_dirs(path, 0700, err))
		return false;
	autoclose int dir = open_dir(engine);

	if (dir < 0)
		return error_sys(err, "open %s", path);
	if (!file_lock(dir, LOCK, FILE_LOCK_EXCLUSIVE, &hub->lock, err))
		return false;

	bool is_there = find(hub, dir, api);

	sweep(engine, dir, api, container->id, !is_there);
	if (!usernet_choose_ports(engine, container, arena, endpoints, &hub->listeners, err))
		return false;
	/* One of a user namespace that has ended is nobody's to enter. */
	if (!is_there || setns(hub->space, CLONE_NEWNET) < 0) {
		mem_cleanup_close(&hub->life);
		hub->life = -1;
		if (!make(hub, dir, api, err))
			return error_in(err, "network");
	}
	return bag_put(bag, take_fd(&hub->life), err);
}

/* Calling into it. ---------------------------------------------------------------------------- */

static _Noreturn void act_inside(int space, int result, bool (*act)(void *, struct error *),
				 void *context)
{
	struct error err = { 0 };

	/* One that cannot be entered is of a user namespace that has ended. */
	if (setns(space, CLONE_NEWNET) < 0 || act(context, &err))
		_exit(0);
	_exit(write(result, &err, sizeof(err)) == (ssize_t)sizeof(err) ? 1 : 2);
}

bool hub_is_there(const struct engine *engine)
{
	autoclose int dir = open_dir(engine);
	autoclose int space = dir < 0 ? -1 : open_space(dir);

	return space >= 0;
}

bool hub_call(const struct engine *engine, bool (*act)(void *context, struct error *err),
	      void *context, struct error *err)
{
	autoclose int dir = open_dir(engine);
	autoclose int space = dir < 0 ? -1 : open_space(dir);
	int ends[2];
	int status;

	if (space < 0)
		return true;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	pid_t child = fork();

	if (child == 0)
		act_inside(space, ends[1], act, context);
	close(ends[1]);
	autoclose int result = ends[0];

	if (child < 0)
		return error_sys(err, "fork");
	if (!proc_reap(child, &status))
		return error_sys(err, "wait for what is done in the hub");
	if (status == 0)
		return true;
	return read(result, err, sizeof(*err)) == (ssize_t)sizeof(*err)
		       ? false
		       : error_set(err, ERROR_SYSTEM, "what was to be done in the hub has failed");
}
