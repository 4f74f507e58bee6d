/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/portproxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/passfd.h"
#include "engine/port.h"

/*
 * How a connection works: each side has room for what was read from it and not yet written to the
 * other. A side is read while its room is empty, and written to while the other's is not; its end
 * is passed on (shutdown) when the room is empty. A side that waits for nothing is not watched, or
 * the end of it would be told again and again.
 */

#define CONNECTIONS_MAX 512
#define ROOM_SIZE       (16 << 10)
#define SILENCE_SECONDS 15 /* then who is still there is asked, as docker-proxy asks, */
#define SILENCE_TIMES   9  /* so many times before the connection is given up */

enum side_name {
	SIDE_CLIENT,
	SIDE_CONTAINER,
	SIDES,
};

struct side {
	struct loop_watch watch; /* its context is the connection */
	size_t start, length;    /* of the room */
	bool has_ended;          /* nothing more comes */
	bool is_shut;            /* it was told that nothing more comes from the other */
	char room[ROOM_SIZE];
};

struct connection {
	struct portproxy *self;
	bool is_connecting; /* SIDE_CONTAINER */
	struct side sides[SIDES];
};

int portproxy_connect(const struct portproxy_listener *listener, int type)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(listener->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	autoclose int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
		       errno != EINPROGRESS))
		return -1;
	return take_fd(&fd);
}

/* Accepting. ---------------------------------------------------------------------------------- */

/* What comes meanwhile waits in the kernel. */
static void set_full(struct portproxy *self, bool is_full)
{
	if (is_full == self->is_full)
		return;
	self->is_full = is_full;
	for (struct portproxy_listener *one = self->listeners; one; one = one->next) {
		if (!one->has_datagrams)
			loop_want(&self->loop, &one->watch, is_full ? 0 : LOOP_READ);
	}
}

static void end(struct connection *connection)
{
	struct portproxy *self = connection->self;

	for (size_t i = 0; i < SIDES; i++) {
		loop_unwatch(&self->loop, &connection->sides[i].watch);
		close(connection->sides[i].watch.fd);
	}
	free(connection);
	self->connection_count--;
	set_full(self, false);
}

/* Not as if all had been said. */
static void cut_off(struct connection *connection)
{
	const struct linger at_once = { .l_onoff = 1 };

	for (size_t i = 0; i < SIDES; i++)
		setsockopt(connection->sides[i].watch.fd, SOL_SOCKET, SO_LINGER, &at_once,
			   sizeof(at_once));
	end(connection);
}

static struct connection *connection_of(struct loop_watch *watch, enum side_name *side)
{
	struct connection *connection = watch->context;

	*side = watch == &connection->sides[SIDE_CLIENT].watch ? SIDE_CLIENT : SIDE_CONTAINER;
	return connection;
}

static void watch_side(struct connection *connection, enum side_name name)
{
	struct side *side = &connection->sides[name];
	const struct side *other = &connection->sides[!name];
	struct loop *loop = &connection->self->loop;
	unsigned int wants = (!side->has_ended && side->length == 0 ? LOOP_READ : 0U) |
			     (other->length > 0 ? LOOP_WRITE : 0U);

	if (name == SIDE_CONTAINER && connection->is_connecting)
		wants = LOOP_WRITE;
	if (wants && !side->watch.is_watched)
		loop_watch(loop, &side->watch);
	if (wants)
		loop_want(loop, &side->watch, wants);
	else
		loop_unwatch(loop, &side->watch);
}

/* From one side's room to the other side. False: the connection is no more. */
static bool pass_on(struct connection *connection, enum side_name from)
{
	struct side *side = &connection->sides[from], *other = &connection->sides[!from];

	if (from == SIDE_CLIENT && connection->is_connecting)
		return true;
	while (side->length > 0) {
		ssize_t sent = send(other->watch.fd, side->room + side->start, side->length,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent < 0) {
			cut_off(connection);
			return false;
		}
		side->start += (size_t)sent;
		side->length -= (size_t)sent;
	}
	if (side->has_ended && !other->is_shut) {
		shutdown(other->watch.fd, SHUT_WR);
		other->is_shut = true;
	}
	if (!connection->sides[SIDE_CLIENT].is_shut || !connection->sides[SIDE_CONTAINER].is_shut)
		return true;
	end(connection);
	return false;
}

static void step(struct connection *connection, enum side_name from)
{
	if (!pass_on(connection, from))
		return;
	watch_side(connection, SIDE_CLIENT);
	watch_side(connection, SIDE_CONTAINER);
}

static void on_ready(struct loop_watch *watch)
{
	enum side_name name;
	struct connection *connection = connection_of(watch, &name);
	struct side *side = &connection->sides[name];

	/* It has nothing to say before what it said is passed on: that fails, if it must. */
	if (side->length > 0 || side->has_ended)
		return;

	ssize_t got = recv(watch->fd, side->room, sizeof(side->room), MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0) {
		cut_off(connection);
		return;
	}
	side->start = 0;
	side->length = (size_t)got;
	side->has_ended = got == 0;
	step(connection, name);
}

static void on_writable(struct loop_watch *watch)
{
	enum side_name name;
	struct connection *connection = connection_of(watch, &name);

	if (name == SIDE_CONTAINER)
		connection->is_connecting = false;
	step(connection, (enum side_name) !name);
}

/* Who has vanished without a word, or was cut off, must not keep a connection for ever. */
static void settle(int fd)
{
	static const int on = 1, seconds = SILENCE_SECONDS, times = SILENCE_TIMES;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void on_client(struct loop_watch *watch)
{
	struct portproxy_listener *listener = watch->context;
	struct portproxy *self = listener->self;
	autoclose int client = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	autoclose int container = client < 0 ? -1 : portproxy_connect(listener, SOCK_STREAM);

	if (container < 0) {
		/* Without a descriptor to spare as with too many connections. */
		if ((errno == EMFILE || errno == ENFILE) && self->connection_count > 0)
			set_full(self, true);
		return;
	}
	settle(client);
	settle(container);

	struct connection *connection = mem_alloc(sizeof(*connection));

	connection->self = self;
	connection->is_connecting = true;
	connection->sides[SIDE_CLIENT].watch.fd = take_fd(&client);
	connection->sides[SIDE_CONTAINER].watch.fd = take_fd(&container);
	for (size_t i = 0; i < SIDES; i++) {
		struct loop_watch *own = &connection->sides[i].watch;

		own->on_ready = on_ready;
		own->on_writable = on_writable;
		own->context = connection;
		watch_side(connection, (enum side_name)i);
	}
	self->connection_count++;
	if (self->connection_count == CONNECTIONS_MAX)
		set_full(self, true);
}

/* The whole. ---------------------------------------------------------------------------------- */

static void on_order(struct loop_watch *watch)
{
	struct portproxy *self = watch->context;
	struct portproxy_order order;
	size_t count = 1;
	int fd;
	ssize_t got = passfd_receive(watch->fd, &order, sizeof(order), &fd, &count, MSG_DONTWAIT);

	if (got != (ssize_t)sizeof(order) || count != 1) {
		if (count > 0)
			mem_cleanup_close(&fd);
		loop_unwatch(&self->loop, watch); /* that was the last */
		return;
	}

	struct portproxy_listener *listener = mem_alloc(sizeof(*listener));

	*listener = (struct portproxy_listener){
		.self = self,
		.watch = { .fd = fd, .on_ready = on_client, .context = listener },
		.port = order.port,
		.has_datagrams = order.protocol == PORT_UDP,
		.next = self->listeners
	};
	self->listeners = listener;
	fcntl(fd, F_SETFL, O_NONBLOCK); /* a client may be gone before it is accepted */
	if (listener->has_datagrams)
		portproxy_udp_begin(listener);
	loop_watch(&self->loop, &listener->watch);
}

static void on_end(struct loop_watch *watch)
{
	struct portproxy *self = watch->context;

	self->is_over = true;
}

bool portproxy_run(struct portproxy *self, int orders, int lifeline, struct error *err)
{
	self->orders = (struct loop_watch){ .fd = orders, .on_ready = on_order, .context = self };
	self->lifeline = (struct loop_watch){ .fd = lifeline, .on_ready = on_end, .context = self };
	loop_watch(&self->loop, &self->orders);
	loop_watch(&self->loop, &self->lifeline);
	do {
		if (!loop_step(&self->loop, err))
			return false;
	} while (!self->is_over);
	return true;
}
