/* SPDX-License-Identifier: Apache-2.0 */
#include "base/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"

#define FIRST_ROOM  4096 /* enough for all but long lists of rules */
#define ANSWERS_MAX 4096

/* The kernel answers at once or not at all; this only bounds a kernel that forgot us. */
#define ANSWER_SECONDS 10

bool netlink_open(struct netlink *netlink, int protocol, struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return error_sys(err, "open a netlink socket");
	return netlink_adopt(netlink, fd, err);
}

bool netlink_adopt(struct netlink *netlink, int fd, struct error *err)
{
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };

	*netlink = (struct netlink){ .sequence = 1, .fd = fd };
	if (setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return error_sys(err, "prepare a netlink socket");
	return true;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->fd >= 0)
		close(netlink->fd);
	free(netlink->buffer);
	*netlink = (struct netlink){ .fd = -1 };
}

/* Every message we build has a known size: running over is a mistake of ours. */
static void *grow(struct netlink *netlink, size_t size)
{
	size_t at = netlink->used;

	assert(NLMSG_ALIGN(size) <= NETLINK_BATCH_MAX - at);
	if (NLMSG_ALIGN(size) > netlink->room - at) {
		netlink->room = netlink->room * 2 + FIRST_ROOM + NLMSG_ALIGN(size);
		netlink->buffer = mem_resize(netlink->buffer, netlink->room, 1);
	}
	memset(netlink->buffer + at, 0, NLMSG_ALIGN(size));
	netlink->used += NLMSG_ALIGN(size);
	return netlink->buffer + at;
}

/* The header's length is kept right with every piece that is added. */
static void update_length(struct netlink *netlink)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)(netlink->buffer + netlink->start);

	message->nlmsg_len = (uint32_t)(netlink->used - netlink->start);
}

void netlink_begin(struct netlink *netlink, uint16_t type, uint16_t flags, const void *header,
		   size_t size)
{
	netlink->start = netlink->used;

	struct nlmsghdr *message = grow(netlink, sizeof(*message));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = netlink->sequence++;
	if (flags & NLM_F_ACK)
		netlink->awaited = message->nlmsg_seq;
	netlink_put_raw(netlink, header, size);
}

void netlink_put_raw(struct netlink *netlink, const void *value, size_t size)
{
	memcpy(grow(netlink, size), value, size);
	update_length(netlink);
}

void netlink_put(struct netlink *netlink, uint16_t attribute, const void *value, size_t size)
{
	struct nlattr *header = grow(netlink, NLA_HDRLEN + size);

	header->nla_type = attribute;
	header->nla_len = (uint16_t)(NLA_HDRLEN + size);
	memcpy((char *)header + NLA_HDRLEN, value, size);
	update_length(netlink);
}

void netlink_put_text(struct netlink *netlink, uint16_t attribute, const char *text)
{
	netlink_put(netlink, attribute, text, strlen(text) + 1);
}

void netlink_put_u32(struct netlink *netlink, uint16_t attribute, uint32_t value)
{
	netlink_put(netlink, attribute, &value, sizeof(value));
}

size_t netlink_nest(struct netlink *netlink, uint16_t attribute)
{
	size_t nest = netlink->used;
	struct nlattr *header = grow(netlink, NLA_HDRLEN);

	header->nla_type = attribute | NLA_F_NESTED;
	update_length(netlink);
	return nest;
}

void netlink_nest_end(struct netlink *netlink, size_t nest)
{
	struct nlattr *header = (struct nlattr *)(void *)(netlink->buffer + nest);

	header->nla_len = (uint16_t)(netlink->used - nest);
}

void netlink_await(struct netlink *netlink)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)(netlink->buffer + netlink->start);

	message->nlmsg_flags |= NLM_F_ACK;
	netlink->awaited = message->nlmsg_seq;
}

/* Looks through one datagram of answers: true when the awaited one (or a refusal) was among them;
 * *number is then 0 or the kernel's errno. */
static bool find_answer(char *answers, size_t length, uint32_t awaited, int *number)
{
	struct nlmsghdr *message = (void *)answers;

	for (; NLMSG_OK(message, (unsigned int)length); message = NLMSG_NEXT(message, length)) {
		const struct nlmsgerr *verdict = NLMSG_DATA(message);

		if (message->nlmsg_type != NLMSG_ERROR)
			continue;
		if (verdict->error == 0 && message->nlmsg_seq != awaited)
			continue;
		*number = -verdict->error;
		return true;
	}
	return false;
}

static bool transmit(struct netlink *netlink, const char *what, struct error *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent = sendto(netlink->fd, netlink->buffer, netlink->used, 0,
			      (const struct sockaddr *)&kernel, sizeof(kernel));

	netlink->used = 0;
	return sent >= 0 || error_sys(err, "%s", what);
}

bool netlink_send(struct netlink *netlink, const char *what, struct error *err)
{
	char answers[ANSWERS_MAX] __attribute__((aligned(4)));
	int number;

	if (!transmit(netlink, what, err))
		return false;
	for (;;) {
		ssize_t got = recv(netlink->fd, answers, sizeof(answers), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "%s", what);
		if (find_answer(answers, (size_t)got, netlink->awaited, &number))
			break;
	}
	if (number == 0)
		return true;
	errno = number;
	return error_sys(err, "%s", what);
}

/* True when it was the last of them; *number is then 0 or the kernel's errno. */
static bool visit_all(char *answers, size_t length,
		      void (*visit)(struct nlmsghdr *message, void *context), void *context,
		      int *number)
{
	struct nlmsghdr *message = (void *)answers;

	*number = 0;
	for (; NLMSG_OK(message, (unsigned int)length); message = NLMSG_NEXT(message, length)) {
		const struct nlmsgerr *verdict = NLMSG_DATA(message);

		if (message->nlmsg_type == NLMSG_DONE)
			return true;
		if (message->nlmsg_type == NLMSG_ERROR) {
			*number = -verdict->error;
			return true;
		}
		visit(message, context);
	}
	return false;
}

#define DUMP_MAX 32768 /* bytes of one part of an answer: the kernel's own limit */

bool netlink_dump(struct netlink *netlink, void (*visit)(struct nlmsghdr *message, void *context),
		  void *context, const char *what, struct error *err)
{
	autofree char *answers = mem_alloc(DUMP_MAX);
	int number = 0;

	if (!transmit(netlink, what, err))
		return false;
	for (;;) {
		ssize_t got = recv(netlink->fd, answers, DUMP_MAX, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "%s", what);
		if (visit_all(answers, (size_t)got, visit, context, &number))
			break;
	}
	errno = number;
	return number == 0 || error_sys(err, "%s", what);
}

const void *netlink_find_in(const void *attributes, size_t length, uint16_t attribute, size_t *size)
{
	const char *at = attributes;

	*size = 0;
	while (at && length >= NLA_HDRLEN) {
		const struct nlattr *header = (const void *)at;
		size_t step = NLA_ALIGN(header->nla_len);

		if (header->nla_len < NLA_HDRLEN || header->nla_len > length)
			return NULL;
		if ((header->nla_type & NLA_TYPE_MASK) == attribute) {
			*size = header->nla_len - NLA_HDRLEN;
			return at + NLA_HDRLEN;
		}
		if (step >= length)
			return NULL;
		at += step;
		length -= step;
	}
	return NULL;
}

const void *netlink_find(const struct nlmsghdr *message, size_t header, uint16_t attribute,
			 size_t *size)
{
	size_t skipped = NLMSG_HDRLEN + NLMSG_ALIGN(header);

	*size = 0;
	if (message->nlmsg_len < skipped)
		return NULL;
	return netlink_find_in((const char *)message + skipped, message->nlmsg_len - skipped,
			       attribute, size);
}
