/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/passfd.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/find.h"
#include "engine/hostns.h"
#include "engine/hub.h"
#include "engine/keeper.h"
#include "engine/nft.h"
#include "engine/resolvconf.h"
#include "engine/share.h"
#include "engine/status.h"

#define PACKET_MAX     65536
#define ANSWER_MAX     512
#define ANSWER_SECONDS 10
#define SOCKET_NAME    "names.sock"
#define LOCK_NAME      "names.lock"
#define DNS_PORT       53
#define BACKLOG        128
#define STREAMS        16
#define RECEIVE_ROOM   (1 << 20) /* bytes: a burst of questions; the usual room is for 250 */
#define START_TRIES    3         /* each is lost only to a resolver that ends at the very moment */

/* Talking to it. ------------------------------------------------------------------------------ */

/* One packet with up to three descriptors, and the answer to it. ERROR_NOT_FOUND: it has gone. */
static bool ask(int connection, const char *text, size_t length, const int *fds, size_t count,
		struct error *err)
{
	char answer[ANSWER_MAX + 1];
	ssize_t got = passfd_send(connection, text, length, fds, count, 0);

	if (got < 0 && errno != EPIPE && errno != ECONNRESET)
		return error_sys(err, "tell the resolver");
	do {
		got = got < 0 ? got : recv(connection, answer, ANSWER_MAX, 0);
	} while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && (errno == EPIPE || errno == ECONNRESET)))
		return error_set(err, ERROR_NOT_FOUND, "the resolver has gone");
	if (got < 0)
		return error_sys(err, "hear from the resolver");
	answer[got] = '\0';
	return strcmp(answer, "ok") == 0 ||
	       error_set(err, ERROR_SYSTEM, "the resolver: %s", answer);
}

/* Starting it. -------------------------------------------------------------------------------- */

/* The socket by its directory's descriptor: the path of a store may be longer than an address. */
static void address_of(int dir, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
		 dir);
}

static bool connect_to(int dir, int *connection, struct error *err)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	address_of(dir, &address);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "connect to the resolver");
	/* One that is just ending would take the connection and say nothing. */
	if (!ask(fd, "hello", strlen("hello"), NULL, 0, err))
		return false;
	*connection = take_fd(&fd);
	return true;
}

static bool start(int dir, struct error *err)
{
	autofree char *program = NULL;
	autoclose int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	struct proc proc;
	int status;

	address_of(dir, &address);
	if (!proc_helper("mooring-resolver", &program, err))
		return false;
	if (unlinkat(dir, SOCKET_NAME, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove the last resolver's socket");
	if (listener < 0 ||
	    bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, BACKLOG) < 0)
		return error_sys(err, "make the resolver's socket");

	const char *const argv[] = { program, NULL };
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = { { STDERR_FILENO, STDERR_FILENO }, { listener, 3 } };
	const struct proc_options options = {
		.argv = argv, .env = env, .directory = "/", .fds = fds, .fd_count = COUNT_OF(fds)
	};

	/* It forks itself away at once. */
	return proc_spawn(&options, &proc, err) && proc_wait(&proc, &status, err) &&
	       (status == 0 || error_set(err, ERROR_SYSTEM, "the resolver does not start"));
}

static bool open_dir(const struct engine *engine, int *dir, struct error *err)
{
	autofree char *path = mem_printf("%s/networks", engine->run);

	if (!path_make_own_dirs(path, 0700, err))
		return false;
	*dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 || error_sys(err, "open %s", path);
}

/* *is_new: it had to be started. */
static bool open_resolver(const struct engine *engine, int *connection, bool *is_new,
			  struct error *err)
{
	autoclose int dir = -1, lock = -1;

	*is_new = false;
	if (!open_dir(engine, &dir, err) ||
	    !file_lock(dir, LOCK_NAME, FILE_LOCK_EXCLUSIVE, &lock, err))
		return false;
	for (int i = 0; i < START_TRIES; i++) {
		if (connect_to(dir, connection, err))
			return true;
		if (err->sys != ENOENT && err->sys != ECONNREFUSED && err->kind != ERROR_NOT_FOUND)
			return false;
		if (!start(dir, err))
			return error_in(err, "start the resolver");
		*is_new = true;
	}
	return false;
}

/* What it is told. ---------------------------------------------------------------------------- */

static void add_name(struct buf *text, const char *name)
{
	if (*name && strcspn(name, " \n") == strlen(name))
		buf_printf(text, "name %s\n", name);
}

static void add_place(struct buf *text, const struct container *container,
		      const struct endpoint *endpoint)
{
	char address[IPADDR_TEXT_MAX];
	char id[CONTAINER_SHORT_ID + 1];

	snprintf(id, sizeof(id), "%s", container->id);
	buf_printf(text, "place %s %s", endpoint->network_id, endpoint->network);
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (endpoint->addresses[i].address.family)
			buf_printf(text, " %s",
				   ipaddr_text(&endpoint->addresses[i].address, address));
	}
	buf_add_char(text, '\n');
	add_name(text, container->name);
	add_name(text, id);
	if (strcmp(container->hostname, id) != 0)
		add_name(text, container->hostname);
	for (size_t i = 0; i < endpoint->aliases.count; i++)
		add_name(text, endpoint->aliases.items[i]);
}

/* --link CONTAINER:ALIAS. Whoever has the name when it is looked up: the container may come later,
 * or be made anew. One that was named by its ID is that one. */
static void add_links(struct buf *text, const struct engine *engine,
		      const struct endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->links.count; i++) {
		autofree char *link = mem_strdup(endpoint->links.items[i]);
		char *colon = strchr(link, ':');
		char id[CONTAINER_ID_LENGTH + 1];
		struct error ignored;

		if (!colon || strcspn(link, " \n") != strlen(link))
			continue;
		*colon = '\0';
		bool is_id = find_one(engine, link, id, &ignored) &&
			     strncmp(id, link, strlen(link)) == 0;
		buf_printf(text, "link %s %s\n", colon + 1, is_id ? id : link);
	}
}

static void add_facts(struct buf *text, const struct engine *engine,
		      const struct container *container, const struct endpoints *endpoints)
{
	struct ipaddr servers[RESOLVCONF_SERVERS];
	size_t count = resolvconf_servers(engine, container, servers);
	char address[IPADDR_TEXT_MAX];

	if (endpoints_outward(endpoints))
		buf_add_text(text, "ask\n");
	for (size_t i = 0; i < count; i++)
		buf_printf(text, "server %s\n", ipaddr_text(&servers[i], address));
	for (size_t i = 0; i < endpoints->count; i++) {
		if (!endpoints->items[i].has_names)
			continue;
		add_place(text, container, &endpoints->items[i]);
		add_links(text, engine, &endpoints->items[i]);
	}
}

/* 127.0.0.11 in the container. ---------------------------------------------------------------- */

static bool open_socket(int type, uint16_t *port, int *fd, struct error *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t size = sizeof(address);
	autoclose int opened = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, RESOLVCONF_NAMES, &address.sin_addr);
	/* A question that is lost is asked again after five seconds. Without root it has the usual
	 * room. */
	if (type == SOCK_DGRAM)
		(void)!setsockopt(opened, SOL_SOCKET, SO_RCVBUFFORCE, &(const int){ RECEIVE_ROOM },
				  sizeof(int));
	if (opened < 0 || bind(opened, (const struct sockaddr *)&address, size) < 0 ||
	    (type == SOCK_STREAM && listen(opened, STREAMS) < 0) ||
	    getsockname(opened, (struct sockaddr *)&address, &size) < 0)
		return error_sys(err, "listen on " RESOLVCONF_NAMES);
	*port = ntohs(address.sin_port);
	*fd = take_fd(&opened);
	return true;
}

static void add_redirect(struct nft *nft, const struct ipaddr *own, uint8_t protocol, uint16_t port)
{
	nft_rule(nft, "output");
	nft_match_address(nft, NFT_DESTINATION, own, true);
	nft_match_ports(nft, protocol, DNS_PORT, DNS_PORT);
	nft_redirect(nft, own, port);
	nft_rule_end(nft);
}

/* As with docker: port 53 stays free for a name server in the container, which would listen on all
 * addresses; what is sent to 127.0.0.11:53 gets to us all the same. The rules go with the
 * namespace. */
static bool redirect(const uint16_t ports[2], struct error *err)
{
	static const struct nft_hook hook = { "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST };
	struct netlink netlink;
	struct ipaddr own;
	struct nft nft;

	if (!nft_open(&netlink, err))
		return false;
	(void)ipaddr_parse(&own, RESOLVCONF_NAMES);
	nft_begin(&nft, &netlink, AF_INET, "mooring-names");
	nft_add_table(&nft, 0);
	nft_remove_table(&nft); /* of a resolver that was here before */
	nft_add_table(&nft, 0);
	nft_add_chain(&nft, "output", &hook);
	add_redirect(&nft, &own, IPPROTO_UDP, ports[0]);
	add_redirect(&nft, &own, IPPROTO_TCP, ports[1]);

	bool is_done = nft_commit(&nft, "lead questions to the resolver", err);

	netlink_close(&netlink);
	return is_done;
}

static void close_both(int fds[2])
{
	for (size_t i = 0; i < 2; i++) {
		mem_cleanup_close(&fds[i]);
		fds[i] = -1;
	}
}

static bool open_both(uint16_t ports[2], int fds[2], struct error *err)
{
	return open_socket(SOCK_DGRAM, &ports[0], &fds[0], err) &&
	       open_socket(SOCK_STREAM, &ports[1], &fds[1], err);
}

/* A kernel that cannot redirect gets us on port 53 itself. */
static bool open_sockets(int fds[2], struct error *err)
{
	uint16_t any[2] = { 0, 0 }, dns[2] = { DNS_PORT, DNS_PORT };

	if (!open_both(any, fds, err))
		return false;
	if (redirect(any, err))
		return true;
	close_both(fds);
	return open_both(dns, fds, err);
}

bool names_register(const struct engine *engine, const struct container *container,
		    const struct endpoints *endpoints, int *connection, struct bag *bag,
		    struct error *err)
{
	int fds[2] = { -1, -1 };
	autobuf struct buf text = { 0 };

	if (*connection < 0)
		return true;
	buf_init(&text, PACKET_MAX);
	buf_printf(&text, "register %s\n", container->id);
	add_facts(&text, engine, container, endpoints);

	bool is_done = buf_check(&text, "what the resolver is told", err) &&
		       open_sockets(fds, err) &&
		       ask(*connection, text.data, text.length, fds, COUNT_OF(fds), err);

	close_both(fds);
	return is_done && bag_put(bag, take_fd(connection), err);
}

static bool open_inside(const struct engine *engine, const char *container, int fds[2],
			struct error *err)
{
	autoclose int here = -1, network = -1;

	if (!hostns_open(&here, err) || !share_open(engine, container, "net", &network, err))
		return false;
	if (setns(network, CLONE_NEWNET) < 0)
		return error_sys(err, "enter the container's network");

	bool is_done = open_sockets(fds, err);

	return (setns(here, CLONE_NEWNET) == 0 ||
		error_sys(err, "leave the container's network")) &&
	       is_done;
}

/* A container that was in no network with names when it started: its monitor keeps no connection
 * for it. The monitor itself is what its names last as long as. */
static bool register_late(const struct engine *engine, const struct container *container,
			  const struct endpoints *endpoints, struct error *err)
{
	autoclose int connection = -1, monitor = -1;
	autobuf struct buf text;
	int fds[3] = { -1, -1, -1 };
	bool is_new;

	buf_init(&text, PACKET_MAX);
	buf_printf(&text, "register %s\n", container->id);
	add_facts(&text, engine, container, endpoints);

	bool is_done = buf_check(&text, "what the resolver is told", err) &&
		       open_resolver(engine, &connection, &is_new, err) &&
		       keeper_open(engine, container->id, &monitor, err) &&
		       open_inside(engine, container->id, fds, err);

	fds[2] = monitor;
	is_done = is_done && ask(connection, text.data, text.length, fds, COUNT_OF(fds), err);
	close_both(fds);
	return is_done;
}

/* Again: after one that was killed. -------------------------------------------------------------
 */

static bool read_member(const struct engine *engine, struct arena *arena, const char *id,
			struct endpoints *endpoints)
{
	return endpoints_read(engine, arena, id, endpoints) && resolvconf_has_names(endpoints) &&
	       status_is_running(engine, id);
}

/* Those that run and have no names any more are told to a new resolver. True if there are any. */
static bool register_members(const struct engine *engine)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	struct error ignored; /* one that has just ended needs no names */
	bool has_any = false;

	if (!find_all(engine, &arena, &ids, &ignored))
		return false;
	for (size_t i = 0; i < ids.count; i++) {
		struct container container = { 0 };
		struct endpoints endpoints;

		if (read_member(engine, &arena, ids.items[i], &endpoints) &&
		    container_read(engine, &arena, ids.items[i], &container, &ignored))
			has_any |= register_late(engine, &container, &endpoints, &ignored);
		container_done(&container);
	}
	return has_any;
}

bool names_open(const struct engine *engine, const struct endpoints *endpoints, int *connection,
		struct error *err)
{
	bool is_new;

	if (!resolvconf_has_names(endpoints))
		return true;
	if (!open_resolver(engine, connection, &is_new, err))
		return false;
	/* It may be the first one, or follow one that was killed. */
	if (is_new)
		register_members(engine);
	return true;
}

/* For hub_call. */
struct late {
	const struct engine *engine;
	const struct container *container;
	const struct endpoints *endpoints;
};

static bool act_register_members(void *context, struct error *err)
{
	const struct late *late = context;

	return register_members(late->engine) ||
	       error_set(err, ERROR_NOT_FOUND, "nobody needs names");
}

void names_revive(const struct engine *engine)
{
	struct late late = { .engine = engine };
	autofree char *path = mem_printf("%s/networks", engine->run);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int connection = -1, lock = -1;
	struct error err;

	/* No socket: none has run since nobody needed one. */
	if (dir < 0 || faccessat(dir, SOCKET_NAME, F_OK, 0) < 0 ||
	    connect_to(dir, &connection, &err) || err.sys != ECONNREFUSED ||
	    (usernet_is_needed() ? hub_call(engine, act_register_members, &late, &err)
				 : register_members(engine)))
		return;
	/* Nobody needs it: that need not be found out again. */
	if (file_lock(dir, LOCK_NAME, FILE_LOCK_EXCLUSIVE, &lock, &err) &&
	    !connect_to(dir, &connection, &err) && err.sys == ECONNREFUSED)
		unlinkat(dir, SOCKET_NAME, 0);
}

static bool act_register_late(void *context, struct error *err)
{
	const struct late *late = context;

	return register_late(late->engine, late->container, late->endpoints, err);
}

bool names_change(const struct engine *engine, const struct container *container,
		  const struct endpoints *endpoints, struct error *err)
{
	struct late late = { engine, container, endpoints };
	autoclose int dir = -1, connection = -1;
	autobuf struct buf text = { 0 };

	if (!open_dir(engine, &dir, err))
		return false;
	buf_init(&text, PACKET_MAX);
	buf_printf(&text, "change %s\n", container->id);
	add_facts(&text, engine, container, endpoints);
	if (!buf_check(&text, "what the resolver is told", err))
		return false;
	if (connect_to(dir, &connection, err) &&
	    ask(connection, text.data, text.length, NULL, 0, err))
		return true;
	/* It does not run, or does not know the container. */
	if (!resolvconf_has_names(endpoints))
		return true;
	return usernet_is_needed() ? hub_call(engine, act_register_late, &late, err)
				   : act_register_late(&late, err);
}
