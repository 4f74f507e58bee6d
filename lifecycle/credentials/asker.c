/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/credentials/asker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"

#define BACKLOG         64
#define BODY_MAX        16384
#define LINK_AGAIN_MS   10000 /* between tries to listen on a device that is not there yet */
#define LISTEN_AGAIN_MS 1000
#define LINK_NEWS_MAX   64 /* taken at a time */
#define LISTENERS       3

/* One client. */
struct asker {
	struct asker_server *server;
	struct asker *next, *previous;
	struct loop_watch watch;
	struct loop_timer timer;
	struct buf in, out;
	const char *token; /* in `in` */
	bool is_waiting;   /* for credentials */
};

struct listener {
	struct asker_server *server;
	struct loop_watch watch; /* fd -1: none */
	struct loop_timer again;
};

struct asker_server {
	struct asker_options options;
	struct listener listeners[LISTENERS]; /* IPv4, IPv6, link address */
	struct loop_watch links;              /* network devices come and go; fd -1: nobody tells */
	unsigned link_index;                  /* the device that is listened on */
	int port;
	struct asker *askers;
	size_t count;
};

/* -- requests -----------------------------------------------------------------------------------
 */

/* The value of a header line "NAME: VALUE" with blanks around it gone; NULL if it is another. */
static char *header_value(char *line, const char *name)
{
	size_t length = strlen(name);
	char *value = line + length + 1, *end;

	if (strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && strchr(" \t", end[-1]))
		*--end = '\0';
	return value;
}

static int read_line(const char *line)
{
	static const char get[] = "GET ", version[] = " HTTP/1.";
	const char *path = line + strcspn(line, " ");

	if (!strstr(line, version))
		return 400;
	if (strncmp(line, get, sizeof(get) - 1) != 0)
		return 405;
	path++;
	if (strncmp(path, EXCHANGE_PATH, sizeof(EXCHANGE_PATH) - 1) != 0 ||
	    strncmp(path + sizeof(EXCHANGE_PATH) - 1, version, sizeof(version) - 1) != 0)
		return 400;
	return 0;
}

int asker_read_head(char *head, const char **token)
{
	char *rest = NULL;
	char *line = strtok_r(head, "\n", &rest);
	int status = 0;

	*token = NULL;
	for (int number = 0; line; number++, line = strtok_r(NULL, "\n", &rest)) {
		char *value, *end = strchr(line, '\r');

		if (end)
			*end = '\0';
		if (number == 0)
			status = read_line(line);
		else if ((value = header_value(line, "Authorization")) && *token)
			return 400; /* which of them is meant? */
		else if (value)
			*token = value;
	}
	return status;
}

/* -- clients ------------------------------------------------------------------------------------
 */

static void asker_free(struct asker *asker)
{
	struct asker_server *server = asker->server;

	if (asker->previous)
		asker->previous->next = asker->next;
	else
		server->askers = asker->next;
	if (asker->next)
		asker->next->previous = asker->previous;
	server->count--;
	loop_disarm(server->options.loop, &asker->timer);
	loop_unwatch(server->options.loop, &asker->watch);
	close(asker->watch.fd);
	if (asker->in.length)
		explicit_bzero(asker->in.data, asker->in.length);
	buf_done(&asker->in);
	if (asker->out.length)
		explicit_bzero(asker->out.data, asker->out.length);
	buf_done(&asker->out);
	free(asker);
}

static const char *status_text(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 504:
		return "Gateway Timeout";
	default:
		return "Error";
	}
}

static void write_out(struct asker *asker)
{
	while (asker->out.length) {
		ssize_t count = send(asker->watch.fd, asker->out.data, asker->out.length,
				     MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN) {
			loop_want(asker->server->options.loop, &asker->watch, LOOP_WRITE);
			return;
		}
		if (count < 0)
			break;
		buf_consume(&asker->out, (size_t)count);
	}
	shutdown(asker->watch.fd, SHUT_WR);
	asker_free(asker);
}

static void answer(struct asker *asker, int status, const struct buf *body)
{
	asker->is_waiting = false;
	buf_printf(&asker->out,
		   "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		   "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
		   status, status_text(status), status == 200 ? "application/json" : "text/plain",
		   body ? body->length : 0);
	if (body)
		buf_add(&asker->out, body->data, body->length);
	loop_arm(asker->server->options.loop, &asker->timer, EXCHANGE_CLIENT_MS);
	write_out(asker);
}

/* False: it has to wait. */
static bool try_answer(struct asker *asker)
{
	const struct asker_options *options = &asker->server->options;
	autobuf struct buf body;
	int status;

	buf_init(&body, BODY_MAX);
	if (!options->reply(options->context, asker->token, &status, &body))
		return false;
	answer(asker, status, &body);
	return true;
}

static void on_request(struct asker *asker)
{
	int status = asker_read_head(asker->in.data, &asker->token);

	if (status) {
		answer(asker, status, NULL);
	} else if (!try_answer(asker)) {
		asker->is_waiting = true;
		loop_want(asker->server->options.loop, &asker->watch, 0);
		loop_arm(asker->server->options.loop, &asker->timer, EXCHANGE_WAIT_MS);
	}
}

static bool is_whole(const struct buf *in)
{
	return strstr(in->data, "\r\n\r\n") || strstr(in->data, "\n\n");
}

static void on_ready(struct loop_watch *watch)
{
	struct asker *asker = watch->context;
	char *room = buf_reserve(&asker->in, 1024);
	ssize_t count = room ? recv(watch->fd, room, 1024, MSG_DONTWAIT) : 0;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0 || asker->is_waiting) {
		asker_free(asker); /* gone, or has not waited */
		return;
	}
	buf_commit(&asker->in, (size_t)count);
	if (strlen(asker->in.data) < asker->in.length)
		answer(asker, 400, NULL);
	else if (is_whole(&asker->in))
		on_request(asker);
	else if (asker->in.length > EXCHANGE_REQUEST_MAX)
		answer(asker, 431, NULL);
}

static void on_writable(struct loop_watch *watch)
{
	write_out(watch->context);
}

static void on_time(struct loop_timer *timer)
{
	struct asker *asker = timer->context;

	if (asker->is_waiting)
		answer(asker, 500, NULL);
	else
		asker_free(asker);
}

void asker_server_answer(struct asker_server *server)
{
	struct asker *next;

	for (struct asker *asker = server->askers; asker; asker = next) {
		next = asker->next;
		if (asker->is_waiting)
			(void)!try_answer(asker);
	}
}

/* -- listening ----------------------------------------------------------------------------------
 */

static void on_client(struct loop_watch *watch)
{
	struct listener *listener = watch->context;
	struct asker_server *server = listener->server;
	struct loop *loop = server->options.loop;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct asker *asker;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		loop_unwatch(loop, watch);
		loop_arm(loop, &listener->again, LISTEN_AGAIN_MS);
	}
	if (fd < 0)
		return;
	if (server->count == EXCHANGE_CLIENTS_MAX) {
		close(fd);
		return;
	}
	asker = mem_alloc(sizeof(*asker));
	asker->server = server;
	asker->watch = (struct loop_watch){
		.fd = fd, .on_ready = on_ready, .on_writable = on_writable, .context = asker
	};
	asker->timer = (struct loop_timer){ .on_expiry = on_time, .context = asker };
	buf_init(&asker->in, EXCHANGE_REQUEST_MAX + 2048);
	buf_init(&asker->out, BODY_MAX + 1024);
	asker->next = server->askers;
	if (asker->next)
		asker->next->previous = asker;
	server->askers = asker;
	server->count++;
	loop_watch(loop, &asker->watch);
	loop_arm(loop, &asker->timer, EXCHANGE_CLIENT_MS);
}

static void listen_to(struct listener *listener, int fd)
{
	listener->watch =
		(struct loop_watch){ .fd = fd, .on_ready = on_client, .context = listener };
	loop_watch(listener->server->options.loop, &listener->watch);
}

static bool open_ipv4(struct asker_server *server, struct error *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)server->options.port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;

	if (fd < 0)
		return error_sys(err, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return error_sys(err, "listen on 127.0.0.1, port %d", server->options.port);
	server->port = ntohs(address.sin_port);
	listen_to(&server->listeners[0], take_fd(&fd));
	return true;
}

/* The same port, where there is IPv6: a client may resolve "localhost" to ::1 first. */
static void open_ipv6(struct asker_server *server)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)server->port),
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	autoclose int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, BACKLOG) == 0)
		listen_to(&server->listeners[1], take_fd(&fd));
}

/* The bridge gets the address besides its own; it goes with the bridge. */
static bool add_address(const char *device, struct in_addr address, struct error *err)
{
	struct ifaddrmsg header = { .ifa_family = AF_INET,
				    .ifa_prefixlen = 32,
				    .ifa_scope = RT_SCOPE_LINK,
				    .ifa_index = if_nametoindex(device) };
	struct netlink netlink;
	bool is_good;

	if (!header.ifa_index)
		return error_sys(err, "network device %s", device);
	if (!netlink_open(&netlink, NETLINK_ROUTE, err))
		return false;
	netlink_begin(&netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_ACK, &header, sizeof(header));
	netlink_put(&netlink, IFA_LOCAL, &address, sizeof(address));
	netlink_put(&netlink, IFA_ADDRESS, &address, sizeof(address));
	is_good = netlink_send(&netlink, "add " EXCHANGE_LINK_ADDRESS " to the bridge", err) ||
		  err->kind == ERROR_EXISTS;
	netlink_close(&netlink);
	return is_good;
}

/* Bound to the device: a neighbour on another network, who may well send packets to a link-local
 * address, does not get here. */
static bool open_link(struct asker_server *server, struct error *err)
{
	const char *device = server->options.link_device;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;

	inet_pton(AF_INET, EXCHANGE_LINK_ADDRESS, &address.sin_addr);
	if (fd < 0)
		return error_sys(err, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0)
		return error_sys(err, "network device %s", device);
	if (!add_address(device, address.sin_addr, err))
		return false;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
		return error_sys(err, "listen on %s, port 80", EXCHANGE_LINK_ADDRESS);
	listen_to(&server->listeners[2], take_fd(&fd));
	server->link_index = if_nametoindex(device);
	return true;
}

static void close_listener(struct listener *listener)
{
	loop_disarm(listener->server->options.loop, &listener->again);
	if (listener->watch.fd < 0)
		return;
	loop_unwatch(listener->server->options.loop, &listener->watch);
	close(listener->watch.fd);
	listener->watch.fd = -1;
}

/* A bridge goes with its last network and comes back as another device of the same name: what was
 * bound to the first hears nothing of the second. */
static void follow_link(struct asker_server *server)
{
	struct listener *listener = &server->listeners[2];
	unsigned now = if_nametoindex(server->options.link_device);
	struct error why;

	if (listener->watch.fd >= 0 && now == server->link_index)
		return;
	close_listener(listener);
	if (open_link(server, &why))
		return;
	if (now)
		log_warning("token exchange at %s: %s", EXCHANGE_LINK_ADDRESS, why.text);
	if (now || server->links.fd < 0)
		loop_arm(server->options.loop, &listener->again, LINK_AGAIN_MS);
}

/* What they say does not matter, and neither what was lost: a look tells what there is. */
static void on_links(struct loop_watch *watch)
{
	char waste[8192];
	int count = 0;

	while (count < LINK_NEWS_MAX && recv(watch->fd, waste, sizeof(waste), 0) > 0)
		count++;
	follow_link(watch->context);
}

static void watch_links(struct asker_server *server)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	autoclose int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&groups, sizeof(groups)) < 0)
		return; /* then it is looked for from time to time */
	server->links =
		(struct loop_watch){ .fd = take_fd(&fd), .on_ready = on_links, .context = server };
	loop_watch(server->options.loop, &server->links);
}

static void on_again(struct loop_timer *timer)
{
	struct listener *listener = timer->context;
	struct asker_server *server = listener->server;

	if (listener->watch.fd >= 0)
		loop_watch(server->options.loop, &listener->watch);
	else
		follow_link(server);
}

bool asker_server_open(struct asker_server **result, const struct asker_options *options,
		       struct error *err)
{
	struct asker_server *server = mem_alloc(sizeof(*server));

	server->options = *options;
	server->links.fd = -1;
	for (size_t i = 0; i < LISTENERS; i++) {
		struct listener *listener = &server->listeners[i];

		listener->server = server;
		listener->watch.fd = -1;
		listener->again = (struct loop_timer){ .on_expiry = on_again, .context = listener };
	}
	if (!open_ipv4(server, err)) {
		asker_server_close(server);
		return false;
	}
	open_ipv6(server);
	if (options->link_device) {
		watch_links(server);
		follow_link(server);
	}
	*result = server;
	return true;
}

void asker_server_close(struct asker_server *server)
{
	if (!server)
		return;
	while (server->askers)
		asker_free(server->askers);
	for (size_t i = 0; i < LISTENERS; i++)
		close_listener(&server->listeners[i]);
	if (server->links.fd >= 0) {
		loop_unwatch(server->options.loop, &server->links);
		close(server->links.fd);
	}
	free(server);
}

int asker_server_port(const struct asker_server *server)
{
	return server->port;
}
