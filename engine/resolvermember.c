/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolvermember.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/passfd.h"
#include "engine/resolverask.h"

#define SOCKETS 3 /* that come with a registration: UDP, TCP; perhaps a pidfd */

void stream_close(struct stream *stream)
{
	struct member *member = stream->member;
	struct stream **link = &member->streams;

	resolver_forget_stream(stream);
	while (*link != stream)
		link = &(*link)->next;
	*link = stream->next;
	member->stream_count--;
	loop_disarm(&member->resolver->loop, &stream->timer);
	loop_unwatch(&member->resolver->loop, &stream->watch);
	close(stream->watch.fd);
	free(stream);
}

void question_answer(const struct question *question, const unsigned char *answer, size_t length)
{
	const unsigned char head[2] = { (unsigned char)(length >> 8), (unsigned char)length };
	struct iovec parts[2] = { { .iov_base = (void *)(uintptr_t)head, .iov_len = sizeof(head) },
				  { .iov_base = (void *)(uintptr_t)answer, .iov_len = length } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = COUNT_OF(parts) };

	if (!question->stream) {
		/* One that does not take its answer asks again. */
		(void)!sendto(question->member->udp.fd, answer, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&question->from, sizeof(question->from));
		return;
	}
	question->stream->is_waiting = false;
	if (sendmsg(question->stream->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    (ssize_t)(sizeof(head) + length))
		question->stream->is_broken = true; /* it does not read: its own affair */
}

static void close_watch(struct resolver *resolver, struct loop_watch *watch)
{
	if (watch->fd < 0)
		return;
	loop_unwatch(&resolver->loop, watch);
	close(watch->fd);
	watch->fd = -1;
}

void member_deafen(struct member *member, struct loop_watch *watch)
{
	close_watch(member->resolver, watch);
}

static void member_close(struct member *member)
{
	struct resolver *resolver = member->resolver;
	struct member **link = &resolver->members;

	while (*link != member)
		link = &(*link)->next;
	*link = member->next;
	resolver->member_count--;
	while (member->streams)
		stream_close(member->streams);
	resolver_forget_member(member);
	close_watch(resolver, &member->udp);
	close_watch(resolver, &member->tcp);
	close_watch(resolver, &member->control);
	close_watch(resolver, &member->life);
	resolver->is_over = !resolver->members;
	arena_done(&member->facts.arena);
	free(member);
}

/* What is known of a container is replaced as a whole. */
static void set_facts(struct member *member, struct resolver_facts *facts)
{
	arena_done(&member->facts.arena);
	member->facts = *facts;
	*facts = (struct resolver_facts){ 0 };
}

static void on_end_of_life(struct loop_watch *watch)
{
	member_close(watch->context);
}

/* What comes in their place could not be waited for, or would be ready for ever. */
static bool is_for_questions(int fd, int wanted_type)
{
	int family = 0, type = 0, is_listening = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_INET &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == wanted_type &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 &&
	       is_listening == (wanted_type == SOCK_STREAM);
}

/* All, or none. */
static bool watch_sockets(struct member *member, const int sockets[SOCKETS], struct error *err)
{
	struct loop *loop = &member->resolver->loop;
	struct loop_watch *const watches[SOCKETS] = { &member->udp, &member->tcp, &member->life };
	void (*const callbacks[SOCKETS])(struct loop_watch * watch) = { member->on_datagram,
									member->on_connect,
									on_end_of_life };

	for (size_t i = 0; i < SOCKETS; i++) {
		if (sockets[i] < 0)
			continue;
		*watches[i] = (struct loop_watch){ .fd = sockets[i],
						   .on_ready = callbacks[i],
						   .context = member };
		if (loop_try_watch(loop, watches[i], err))
			continue;
		for (size_t k = 0; k <= i; k++) { /* who gave them still has to close them */
			loop_unwatch(loop, watches[k]);
			watches[k]->fd = -1;
		}
		return false;
	}
	return true;
}

static bool register_member(struct member *member, struct resolver_facts *facts,
			    const int sockets[SOCKETS], struct error *err)
{
	if (member->udp.fd >= 0 || sockets[0] < 0 || sockets[1] < 0)
		return error_set(err, ERROR_INPUT, "a container has two sockets, once");
	if (!is_for_questions(sockets[0], SOCK_DGRAM) || !is_for_questions(sockets[1], SOCK_STREAM))
		return error_set(err, ERROR_INPUT,
				 "a container has a UDP socket and a TCP socket that listens");
	if (!watch_sockets(member, sockets, err))
		return false;
	set_facts(member, facts);
	return true;
}

static bool change_member(struct resolver *resolver, struct resolver_facts *facts,
			  struct error *err)
{
	for (struct member *member = resolver->members; member; member = member->next) {
		if (strcmp(member->facts.id, facts->id) == 0) {
			set_facts(member, facts);
			return true;
		}
	}
	return error_set(err, ERROR_NOT_FOUND, "no such container");
}

static bool obey(struct member *member, char *text, const int sockets[SOCKETS], bool *is_taken,
		 struct error *err)
{
	enum resolver_request request;
	struct resolver_facts facts;
	bool is_done = true;

	if (!resolver_parse(text, &request, &facts, err))
		return false;
	if (request == RESOLVER_REGISTER)
		*is_taken = is_done = register_member(member, &facts, sockets, err);
	else if (request == RESOLVER_CHANGE)
		is_done = change_member(member->resolver, &facts, err);
	arena_done(&facts.arena);
	return is_done;
}

static void on_control(struct loop_watch *watch)
{
	struct member *member = watch->context;
	autofree char *text = mem_alloc(RESOLVER_PACKET_MAX + 1);
	int sockets[SOCKETS];
	size_t count = SOCKETS;
	ssize_t got =
		passfd_receive(watch->fd, text, RESOLVER_PACKET_MAX, sockets, &count, MSG_DONTWAIT);
	const char *reply = "ok";
	bool is_taken = false;
	struct error err;

	if (got <= 0) {
		bool is_gone = got == 0 || errno != EAGAIN;

		if (is_gone && member->life.fd >= 0)
			close_watch(member->resolver, &member->control);
		else if (is_gone)
			member_close(member);
		return;
	}
	if (!obey(member, text, sockets, &is_taken, &err))
		reply = err.text;
	for (size_t i = 0; i < SOCKETS && !is_taken; i++) {
		if (sockets[i] >= 0)
			close(sockets[i]);
	}
	(void)!send(watch->fd, reply, strlen(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void member_open(struct resolver *resolver, int connection,
		 void (*on_datagram)(struct loop_watch *watch),
		 void (*on_connect)(struct loop_watch *watch))
{
	struct member *member = mem_alloc(sizeof(*member));
	struct error ignored;

	*member = (struct member){ .next = resolver->members,
				   .resolver = resolver,
				   .udp = { .fd = -1 },
				   .tcp = { .fd = -1 },
				   .life = { .fd = -1 },
				   .on_datagram = on_datagram,
				   .on_connect = on_connect };
	member->control =
		(struct loop_watch){ .fd = connection, .on_ready = on_control, .context = member };
	resolver->members = member;
	resolver->member_count++;
	if (!loop_try_watch(&resolver->loop, &member->control, &ignored))
		member_close(member);
}
