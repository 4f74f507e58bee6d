/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/portproxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/*
 * Datagrams: who sends one gets a socket of their own towards the container, so that answers find
 * their way back; from the address that was asked, of which the machine may have many.
 */

#define FLOWS_MAX  256   /* then the one that was silent for longest goes */
#define SILENCE_MS 90000 /* docker-proxy's */
#define LOOK_MS    30000

struct portproxy_flow {
	struct portproxy_listener *listener;
	struct loop_watch watch; /* towards the container */
	struct sockaddr_in6 client;
	struct in6_pktinfo asked; /* where the client sends to */
	int64_t used;             /* loop_now */
	struct portproxy_flow *next;
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void end(struct portproxy *self, struct portproxy_flow **link)
{
	struct portproxy_flow *flow = *link;

	*link = flow->next;
	loop_unwatch(&self->loop, &flow->watch);
	close(flow->watch.fd);
	free(flow);
	self->flow_count--;
}

static void on_silence(struct loop_timer *timer)
{
	struct portproxy *self = timer->context;
	int64_t now = loop_now();

	for (struct portproxy_flow **link = &self->flows; *link;) {
		if (now - (*link)->used >= SILENCE_MS)
			end(self, link);
		else
			link = &(*link)->next;
	}
	if (self->flows)
		loop_arm(&self->loop, timer, LOOK_MS);
}

static void end_oldest(struct portproxy *self)
{
	struct portproxy_flow **oldest = &self->flows;

	for (struct portproxy_flow **link = &self->flows; *link; link = &(*link)->next)
		if ((*link)->used < (*oldest)->used)
			oldest = link;
	end(self, oldest);
}

static void on_answer(struct loop_watch *watch)
{
	struct portproxy_flow *flow = watch->context;
	struct portproxy *self = flow->listener->self;
	ssize_t got = recv(watch->fd, self->datagram, sizeof(self->datagram), MSG_DONTWAIT);
	union control control = { .bytes = { 0 } };
	struct iovec data = { self->datagram, got < 0 ? 0 : (size_t)got };
	struct msghdr message = {
		.msg_name = &flow->client,
		.msg_namelen = sizeof(flow->client),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (got < 0)
		return; /* nobody listened for the last one */
	header->cmsg_level = IPPROTO_IPV6;
	header->cmsg_type = IPV6_PKTINFO;
	header->cmsg_len = CMSG_LEN(sizeof(flow->asked));
	memcpy(CMSG_DATA(header), &flow->asked, sizeof(flow->asked));
	flow->used = loop_now();
	/* One that is lost is lost, as datagrams are. */
	(void)!sendmsg(flow->listener->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static struct portproxy_flow *flow_of(struct portproxy_listener *listener,
				      const struct sockaddr_in6 *client)
{
	struct portproxy *self = listener->self;
	struct portproxy_flow *flow = self->flows;

	while (flow &&
	       (flow->listener != listener || memcmp(&flow->client, client, sizeof(*client)) != 0))
		flow = flow->next;
	if (flow)
		return flow;
	if (self->flow_count == FLOWS_MAX)
		end_oldest(self);

	int fd = portproxy_connect(listener, SOCK_DGRAM);

	if (fd < 0)
		return NULL;
	flow = mem_alloc(sizeof(*flow));
	*flow = (struct portproxy_flow){
		.listener = listener,
		.watch = { .fd = fd, .on_ready = on_answer, .context = flow },
		.client = *client,
		.next = self->flows,
	};
	self->flows = flow;
	if (self->flow_count++ == 0)
		loop_arm(&self->loop, &self->silence, LOOK_MS);
	loop_watch(&self->loop, &flow->watch);
	return flow;
}

static void on_datagram(struct loop_watch *watch)
{
	struct portproxy_listener *listener = watch->context;
	struct portproxy *self = listener->self;
	struct sockaddr_in6 client;
	union control control;
	struct iovec data = { self->datagram, sizeof(self->datagram) };
	struct msghdr message = {
		.msg_name = &client,
		.msg_namelen = sizeof(client),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(watch->fd, &message, MSG_DONTWAIT);
	struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
	struct portproxy_flow *flow = got < 0 ? NULL : flow_of(listener, &client);

	if (!flow)
		return;
	if (header && header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
		memcpy(&flow->asked, CMSG_DATA(header), sizeof(flow->asked));
	flow->used = loop_now();
	/* The first failure may be the last datagram's. */
	for (int i = 0; i < 2; i++)
		if (send(flow->watch.fd, self->datagram, (size_t)got, MSG_DONTWAIT) >= 0)
			return;
}

void portproxy_udp_begin(struct portproxy_listener *listener)
{
	static const int on = 1;
	struct portproxy *self = listener->self;

	listener->watch.on_ready = on_datagram;
	self->silence.on_expiry = on_silence;
	self->silence.context = self;
	setsockopt(listener->watch.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}
