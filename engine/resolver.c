/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/dnsmessage.h"
#include "engine/resolverask.h"
#include "engine/resolvermember.h"

#define TTL               600  /* seconds, as docker's */
#define EMPTY_CALLS_MAX   1000 /* a datagram with a wrong checksum makes one */
#define DATAGRAMS_AT_ONCE 16
#define STREAM_SEND_ROOM                                                                           \
	(128 << 10)        /* for the longest answer there is, so that it fits at once             \
			    */
#define STREAM_MS    10000 /* without a word on a TCP connection */
#define BEGINNING_MS 10000 /* for who started us to come */
#define PTR_NAME_MAX 512

/* Who shares a network with `member`. --------------------------------------------------------- */

/* Its place in the network; NULL: it is not there. */
static const struct resolver_place *place_in(const struct member *member, const char *network)
{
	for (const struct resolver_place *place = member->facts.places; place;
	     place = place->next) {
		if (strcmp(place->network, network) == 0)
			return place;
	}
	return NULL;
}

/* "web", or "web.NETWORK". */
static bool has_name(const struct resolver_place *place, const char *text)
{
	for (const struct resolver_name *name = place->names; name; name = name->next) {
		size_t length = strlen(name->text);

		if (strncmp(name->text, text, length) != 0)
			continue;
		if (!text[length] ||
		    (text[length] == '.' && strcmp(text + length + 1, place->name) == 0))
			return true;
	}
	return false;
}

/* What is linked in one network is not in another, though both are in that too. `place` is the
 * other's in the network where `own` is who asks. */
static bool is_linked(const struct resolver_place *own, const char *text,
		      const struct resolver_place *place, const char *id)
{
	for (const struct resolver_name *link = own->links; link; link = link->next) {
		if (strcmp(link->text, text) == 0 &&
		    (strcmp(link->target, id) == 0 || has_name(place, link->target)))
			return true;
	}
	return false;
}

static void add_addresses(struct resolver *resolver, const struct resolver_place *place, int family)
{
	for (size_t i = 0; i < place->count; i++) {
		if (place->addresses[i].family == family &&
		    resolver->found_count < RESOLVER_ADDRESSES_MAX)
			resolver->found[resolver->found_count++] = place->addresses[i];
	}
}

/* True if the name is somebody's, with or without an address of the kind that is asked for. */
static bool find_name(const struct member *member, const char *text, int family)
{
	struct resolver *resolver = member->resolver;
	bool is_known = false;

	resolver->found_count = 0;
	for (const struct member *other = resolver->members; other; other = other->next) {
		for (const struct resolver_place *place = other->facts.places; place;
		     place = place->next) {
			const struct resolver_place *own = place_in(member, place->network);

			if (!own || (!is_linked(own, text, place, other->facts.id) &&
				     !has_name(place, text)))
				continue;
			is_known = true;
			add_addresses(resolver, place, family);
		}
	}
	return is_known;
}

/* Of several, each comes first in turn. */
static void rotate(struct resolver *resolver)
{
	size_t count = resolver->found_count;

	for (size_t i = count > 1 ? resolver->turn++ % count : 0; i > 0; i--) {
		struct ipaddr first = resolver->found[0];

		memmove(resolver->found, resolver->found + 1, (count - 1) * sizeof(first));
		resolver->found[count - 1] = first;
	}
}

static bool find_address(const struct member *member, const struct ipaddr *address,
			 char name[PTR_NAME_MAX])
{
	for (const struct member *other = member->resolver->members; other; other = other->next) {
		for (const struct resolver_place *place = other->facts.places; place;
		     place = place->next) {
			for (size_t i = 0; i < place->count; i++) {
				if (!place->names ||
				    !ipaddr_is_equal(&place->addresses[i], address) ||
				    !place_in(member, place->network))
					continue;
				/* The first that was told is the last of the list. */
				const struct resolver_name *own = place->names;
				while (own->next)
					own = own->next;
				snprintf(name, PTR_NAME_MAX, "%s.%s", own->text, place->name);
				return true;
			}
		}
	}
	return false;
}

/* Questions. ---------------------------------------------------------------------------------- */

static void answer_with(const struct question *question, struct dns_answer answer)
{
	struct resolver *resolver = question->member->resolver;
	size_t room = question->stream ? sizeof(resolver->answer) : DNS_UDP_MAX;

	answer.message = question->message;
	answer.query = &question->query;
	question_answer(question, resolver->answer, dns_write(&answer, resolver->answer, room));
}

static bool answer_name(const struct question *question)
{
	struct resolver *resolver = question->member->resolver;
	uint16_t type = question->query.type;
	int family = type == DNS_AAAA ? AF_INET6 : AF_INET;

	if (!question->query.is_plain || !find_name(question->member, question->query.name, family))
		return false;
	/* A container has no mail server or the like of its own: nothing of that type, but the
	 * name is there. */
	if (type != DNS_A && type != DNS_AAAA && type != DNS_ANY)
		resolver->found_count = 0;
	rotate(resolver);
	answer_with(question, (struct dns_answer){ .addresses = resolver->found,
						   .count = resolver->found_count,
						   .ttl = TTL });
	return true;
}

static bool answer_address(const struct question *question)
{
	char name[PTR_NAME_MAX];
	struct ipaddr address;

	if (question->query.type != DNS_PTR || !dns_reverse(question->query.name, &address) ||
	    !find_address(question->member, &address, name))
		return false;
	answer_with(question, (struct dns_answer){ .name = name, .ttl = TTL });
	return true;
}

void resolver_take(struct question *question)
{
	const struct resolver_facts *facts = &question->member->facts;
	enum dns_code code;

	if (question->length < DNS_HEADER_SIZE)
		return;
	code = dns_parse(question->message, question->length, &question->query);
	if (code == DNS_OK && (answer_name(question) || answer_address(question)))
		return;
	if (code == DNS_OK && facts->may_ask && facts->server_count && resolver_ask(question))
		return;
	/* An internal network tells nothing to the world (CVE-2024-29018). */
	if (code == DNS_OK)
		code = DNS_SERVER_FAILURE;
	answer_with(question, (struct dns_answer){ .code = code });
}

/* UDP. ---------------------------------------------------------------------------------------- */

static void on_datagram(struct loop_watch *watch)
{
	struct member *member = watch->context;
	unsigned char *message = member->resolver->message;

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		struct question question = { .member = member, .message = message };
		socklen_t size = sizeof(question.from);
		ssize_t got = recvfrom(watch->fd, message, RESOLVER_DATAGRAM_MAX, MSG_DONTWAIT,
				       (struct sockaddr *)&question.from, &size);

		/* One that was shut down is always ready, and never has anything. */
		if (got < 0 && i == 0 && ++member->empty_calls == EMPTY_CALLS_MAX)
			member_deafen(member, watch);
		if (got < 0)
			return;
		member->empty_calls = 0;
		question.length = (size_t)got;
		resolver_take(&question);
	}
}

/* TCP. ---------------------------------------------------------------------------------------- */

/* A message in a stream has its length in front (RFC 1035, section 4.2.2). */
static bool take_from_stream(struct stream *stream)
{
	size_t length;

	if (stream->used < 2)
		return false;
	length = (size_t)stream->in[0] << 8 | stream->in[1];
	if (stream->used < 2 + length)
		return false;

	struct question question = { .member = stream->member,
				     .message = stream->in + 2,
				     .length = length,
				     .stream = stream };

	stream->is_waiting = true; /* until the answer is written: one question at a time */
	resolver_take(&question);
	stream->used -= 2 + length;
	memmove(stream->in, stream->in + 2 + length, stream->used);
	return true;
}

void resolver_advance(struct stream *stream)
{
	struct loop *loop = &stream->member->resolver->loop;

	if (stream->is_advancing)
		return;
	stream->is_advancing = true;
	while (!stream->is_waiting && !stream->is_broken && take_from_stream(stream))
		continue;
	stream->is_advancing = false;
	if (stream->is_broken || stream->used == sizeof(stream->in))
		stream_close(stream); /* it does not read, or asks what is too long */
	else
		loop_want(loop, &stream->watch, stream->is_waiting ? 0 : LOOP_READ);
}

static void on_stream(struct loop_watch *watch)
{
	struct stream *stream = watch->context;
	ssize_t got;

	if (stream->is_waiting) { /* then we hear of the other's end alone */
		stream_close(stream);
		return;
	}
	got = recv(watch->fd, stream->in + stream->used, sizeof(stream->in) - stream->used,
		   MSG_DONTWAIT);
	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			stream_close(stream);
		return;
	}
	stream->used += (size_t)got;
	loop_arm(&stream->member->resolver->loop, &stream->timer, STREAM_MS);
	resolver_advance(stream);
}

static void on_silence(struct loop_timer *timer)
{
	stream_close(timer->context);
}

static void on_connect(struct loop_watch *watch)
{
	struct member *member = watch->context;
	const int room = STREAM_SEND_ROOM;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct stream *stream;
	struct error ignored;

	/* It listens no more. musl tries accept then, which our filter refuses. */
	if (fd < 0 && (errno == EINVAL || errno == EPERM))
		member_deafen(member, watch);
	if (fd < 0)
		return;
	if (member->stream_count >= STREAMS_MAX ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0) {
		close(fd);
		return;
	}
	stream = mem_alloc(sizeof(*stream));
	*stream = (struct stream){ .member = member, .next = member->streams };
	stream->watch = (struct loop_watch){ .fd = fd, .on_ready = on_stream, .context = stream };
	stream->timer = (struct loop_timer){ .on_expiry = on_silence, .context = stream };
	member->streams = stream;
	member->stream_count++;
	loop_arm(&member->resolver->loop, &stream->timer, STREAM_MS);
	if (!loop_try_watch(&member->resolver->loop, &stream->watch, &ignored))
		stream_close(stream);
}

/* The whole. ---------------------------------------------------------------------------------- */

static void on_member(struct loop_watch *watch)
{
	struct resolver *resolver = watch->context;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (resolver->member_count < RESOLVER_MEMBERS_MAX)
		member_open(resolver, fd, on_datagram, on_connect);
	else
		close(fd);
}

static void on_nobody(struct loop_timer *timer)
{
	struct resolver *resolver = timer->context;

	resolver->is_over = !resolver->members;
}

bool resolver_run(struct resolver *resolver, int listener, struct error *err)
{
	resolver->listening =
		(struct loop_watch){ .fd = listener, .on_ready = on_member, .context = resolver };
	resolver->beginning = (struct loop_timer){ .on_expiry = on_nobody, .context = resolver };
	loop_watch(&resolver->loop, &resolver->listening);
	loop_arm(&resolver->loop, &resolver->beginning, BEGINNING_MS);
	do {
		if (!loop_step(&resolver->loop, err))
			return false;
	} while (!resolver->is_over);
	return true;
}
