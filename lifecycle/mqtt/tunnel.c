/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/mqtt/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define HEAD_MAX        8192 /* bytes of the proxy's answer */
#define WAITING_MAX     (64 * 1024)
#define CONNECT_SECONDS 10

enum phase {
	PHASE_HELLO,   /* SOCKS: which ways to log in the client knows */
	PHASE_REQUEST, /* SOCKS: where to */
	PHASE_PROXY,   /* HTTP: the answer to CONNECT */
	PHASE_RELAY,
};

struct end {
	struct loop_watch watch; /* fd -1: closed */
	struct buf in;           /* read here, not yet written to the other end */
};

struct tunnel {
	struct tunnel_options options;
	struct loop_watch listener;
	enum phase phase;
	struct end client, proxy;
	char trouble[256];
};

static void close_end(struct tunnel *tunnel, struct end *end)
{
	if (end->watch.fd < 0)
		return;
	loop_unwatch(tunnel->options.loop, &end->watch);
	close(take_fd(&end->watch.fd));
	buf_done(&end->in);
}

static void hang_up(struct tunnel *tunnel, const char *reason)
{
	if (reason)
		snprintf(tunnel->trouble, sizeof(tunnel->trouble), "%s", reason);
	close_end(tunnel, &tunnel->client);
	close_end(tunnel, &tunnel->proxy);
}

/* -- bytes --------------------------------------------------------------------------------------
 */

static bool write_to(struct end *end, struct buf *from)
{
	while (from->length) {
		ssize_t count =
			send(end->watch.fd, from->data, from->length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return errno == EAGAIN;
		buf_consume(from, (size_t)count);
	}
	return true;
}

/* Reads as long as the other end takes it, and writes what it can. */
static void relay(struct tunnel *tunnel)
{
	struct loop *loop = tunnel->options.loop;
	struct end *client = &tunnel->client, *proxy = &tunnel->proxy;

	if (!write_to(proxy, &client->in) || !write_to(client, &proxy->in)) {
		hang_up(tunnel, NULL);
		return;
	}
	loop_want(loop, &client->watch,
		  (client->in.length < WAITING_MAX ? LOOP_READ : 0U) |
			  (proxy->in.length ? LOOP_WRITE : 0U));
	loop_want(loop, &proxy->watch,
		  (proxy->in.length < WAITING_MAX ? LOOP_READ : 0U) |
			  (client->in.length ? LOOP_WRITE : 0U));
}

static void on_writable(struct loop_watch *watch)
{
	relay(watch->context);
}

static bool read_from(struct end *end)
{
	char *room = buf_reserve(&end->in, 16384);
	ssize_t count = room ? recv(end->watch.fd, room, 16384, MSG_DONTWAIT) : 0;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (count <= 0)
		return false;
	buf_commit(&end->in, (size_t)count);
	return true;
}

static void watch_end(struct tunnel *tunnel, struct end *end, int fd,
		      void (*on_ready)(struct loop_watch *watch))
{
	buf_init(&end->in, WAITING_MAX + 16384);
	end->watch = (struct loop_watch){
		.fd = fd, .on_ready = on_ready, .on_writable = on_writable, .context = tunnel
	};
	loop_watch(tunnel->options.loop, &end->watch);
}

/* -- the proxy ----------------------------------------------------------------------------------
 */

/* Waits: there is nothing else to do without a connection. */
static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	struct addrinfo *list;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		if (connect(fd, at->ai_addr, at->ai_addrlen) < 0)
			close(take_fd(&fd));
	}
	freeaddrinfo(list);
	return fd;
}

/* The answer's head is read byte for byte up to the empty line: what follows it is TLS. */
static void take_answer(struct tunnel *tunnel)
{
	static const unsigned char granted[] = { 5, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	struct buf *in = &tunnel->proxy.in;
	const char *end = memmem(in->data, in->length, "\r\n\r\n", 4);
	char reason[128];

	if (!end) {
		if (in->length > HEAD_MAX)
			hang_up(tunnel, "the proxy's answer is too long");
		return;
	}
	if (in->length < 12 || strncmp(in->data, "HTTP/1.", 7) != 0 ||
	    strncmp(in->data + 8, " 200", 4) != 0) {
		snprintf(reason, sizeof(reason), "the proxy answers %.*s",
			 (int)strcspn(in->data, "\r"), in->data);
		hang_up(tunnel, reason);
		return;
	}
	buf_consume(in, (size_t)(end + 4 - in->data));
	if (send(tunnel->client.watch.fd, granted, sizeof(granted), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(granted)) {
		hang_up(tunnel, NULL);
		return;
	}
	tunnel->phase = PHASE_RELAY;
	relay(tunnel);
}

static void on_proxy(struct loop_watch *watch)
{
	struct tunnel *tunnel = watch->context;

	if (!read_from(&tunnel->proxy)) {
		hang_up(tunnel, tunnel->phase == PHASE_PROXY ? "the proxy hung up" : NULL);
		return;
	}
	if (tunnel->phase == PHASE_PROXY)
		take_answer(tunnel);
	else
		relay(tunnel);
}

static void ask_proxy(struct tunnel *tunnel)
{
	const struct tunnel_options *options = &tunnel->options;
	int fd = connect_to(options->proxy_host, options->proxy_port);
	autobuf struct buf request;

	buf_init(&request, HEAD_MAX);
	if (fd < 0) {
		hang_up(tunnel, "the proxy cannot be reached");
		return;
	}
	buf_printf(&request, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n", options->host,
		   options->port, options->host, options->port);
	if (options->proxy_login)
		buf_printf(&request, "Proxy-Authorization: Basic %s\r\n", options->proxy_login);
	buf_add_text(&request, "\r\n");
	watch_end(tunnel, &tunnel->proxy, fd, on_proxy);
	tunnel->phase = PHASE_PROXY;
	if (request.is_cut || !write_to(&tunnel->proxy, &request) || request.length)
		hang_up(tunnel, "the proxy does not read");
}

/* -- SOCKS --------------------------------------------------------------------------------------
 */

/* 5, how many ways to log in, the ways: 0 is none at all, which we choose. */
static void take_hello(struct tunnel *tunnel)
{
	static const unsigned char chosen[] = { 5, 0 };
	struct buf *in = &tunnel->client.in;
	const unsigned char *bytes = (const unsigned char *)in->data;

	if (in->length < 2 || in->length < 2U + bytes[1])
		return;
	if (bytes[0] != 5 || send(tunnel->client.watch.fd, chosen, sizeof(chosen), MSG_NOSIGNAL) !=
				     (ssize_t)sizeof(chosen)) {
		hang_up(tunnel, NULL);
		return;
	}
	buf_consume(in, 2U + bytes[1]);
	tunnel->phase = PHASE_REQUEST;
}

/* 5, 1 (connect), 0, 3 (a name), its length, the name, the port. */
static void take_request(struct tunnel *tunnel)
{
	const struct tunnel_options *options = &tunnel->options;
	struct buf *in = &tunnel->client.in;
	const unsigned char *bytes = (const unsigned char *)in->data;
	size_t length;

	if (in->length < 5 || in->length < 7U + bytes[4])
		return;
	length = bytes[4];
	if (memcmp(bytes, "\5\1\0\3", 4) != 0 || length != strlen(options->host) ||
	    memcmp(bytes + 5, options->host, length) != 0 ||
	    (bytes[5 + length] << 8 | bytes[6 + length]) != options->port) {
		hang_up(tunnel, NULL); /* not libmosquitto: it leads nowhere else */
		return;
	}
	buf_consume(in, 7 + length);
	ask_proxy(tunnel);
}

static void on_client(struct loop_watch *watch)
{
	struct tunnel *tunnel = watch->context;

	if (!read_from(&tunnel->client)) {
		hang_up(tunnel, NULL);
		return;
	}
	if (tunnel->phase == PHASE_HELLO)
		take_hello(tunnel);
	if (tunnel->client.watch.fd >= 0 && tunnel->phase == PHASE_REQUEST)
		take_request(tunnel);
	if (tunnel->client.watch.fd >= 0 && tunnel->phase == PHASE_RELAY)
		relay(tunnel);
}

static void on_connection(struct loop_watch *watch)
{
	struct tunnel *tunnel = watch->context;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	hang_up(tunnel, NULL);
	tunnel->phase = PHASE_HELLO;
	tunnel->trouble[0] = '\0';
	watch_end(tunnel, &tunnel->client, fd, on_client);
}

/* -- life ---------------------------------------------------------------------------------------
 */

bool tunnel_open(struct tunnel **result, const struct tunnel_options *options, int *port,
		 struct error *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return error_sys(err, "listen on the loopback");

	struct tunnel *tunnel = mem_alloc(sizeof(*tunnel));

	tunnel->options = *options;
	tunnel->client.watch.fd = tunnel->proxy.watch.fd = -1;
	*port = ntohs(address.sin_port);
	tunnel->listener = (struct loop_watch){ .fd = take_fd(&fd),
						.on_ready = on_connection,
						.context = tunnel };
	loop_watch(options->loop, &tunnel->listener);
	*result = tunnel;
	return true;
}

const char *tunnel_trouble(const struct tunnel *tunnel)
{
	return tunnel->trouble[0] ? tunnel->trouble : NULL;
}
