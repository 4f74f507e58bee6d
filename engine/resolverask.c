/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolverask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_PORT    53
#define PATIENCE_MS    2000 /* with one server */
#define ROUNDS         2    /* through the list of servers */
#define UDP_ANSWER_MAX 4096 /* a longer one is asked for again by TCP */
#define TCP_HEAD       2

struct asking {
	struct asking *next;
	struct member *member;
	struct stream *stream; /* NULL: by UDP */
	struct sockaddr_in from;
	struct loop_watch watch;
	struct loop_timer timer;
	size_t tries;
	uint16_t id;            /* the asker's */
	unsigned char *message; /* its length in front, for TCP */
	size_t length;          /* without that */
	unsigned char *answer;  /* by TCP, as far as it has come */
	size_t used;
	bool is_sent;
};

static void end_watch(struct asking *asking)
{
	if (asking->watch.fd < 0)
		return;
	loop_unwatch(&asking->member->resolver->loop, &asking->watch);
	close(asking->watch.fd);
	asking->watch.fd = -1;
}

static void asking_close(struct asking *asking)
{
	struct member *member = asking->member;
	struct asking **link = &member->askings;

	while (*link != asking)
		link = &(*link)->next;
	*link = asking->next;
	member->asking_count--;
	member->resolver->asking--;
	end_watch(asking);
	loop_disarm(&member->resolver->loop, &asking->timer);
	free(asking->message);
	free(asking->answer);
	free(asking);
}

static struct question question_of(struct asking *asking)
{
	return (struct question){ .member = asking->member,
				  .message = asking->message + TCP_HEAD,
				  .length = asking->length,
				  .from = asking->from,
				  .stream = asking->stream };
}

static void put_id(unsigned char *message, uint16_t id)
{
	message[0] = (unsigned char)(id >> 8);
	message[1] = (unsigned char)id;
}

static void finish(struct asking *asking, unsigned char *answer, size_t length)
{
	const struct question question = question_of(asking);
	struct stream *stream = asking->stream;

	put_id(answer, asking->id);
	question_answer(&question, answer, length);
	asking->stream = NULL; /* closing the stream would look for us */
	asking_close(asking);
	if (stream)
		resolver_advance(stream);
}

/* With an answer of our own that has no records. */
static void finish_empty(struct asking *asking, struct dns_answer empty)
{
	struct question question = question_of(asking);
	unsigned char answer[DNS_UDP_MAX];

	/* It was read before, so it can be read again. */
	(void)dns_parse(question.message, question.length, &question.query);
	empty.message = question.message;
	empty.query = &question.query;
	finish(asking, answer, dns_write(&empty, answer, sizeof(answer)));
}

static void try_next(struct asking *asking);

/* A server that fails, or serves others only, has not said that there is no such name. */
static void take_answer(struct asking *asking, unsigned char *answer, size_t length)
{
	enum dns_code code = dns_code(answer);

	if ((code == DNS_SERVER_FAILURE || code == DNS_REFUSED) &&
	    asking->tries < asking->member->facts.server_count)
		try_next(asking);
	else
		finish(asking, answer, length);
}

/* A stranger's or a broken answer is none: the right one may still come. */
static void on_datagram(struct asking *asking)
{
	unsigned char answer[UDP_ANSWER_MAX];
	ssize_t got = recv(asking->watch.fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);
	size_t length = (size_t)got < sizeof(answer) ? (size_t)got : sizeof(answer);

	if (got < 0 && errno != EAGAIN && errno != EINTR) {
		try_next(asking); /* nobody listens there */
		return;
	}
	if (got <= 0 || !dns_is_answer(asking->message + TCP_HEAD, asking->length, answer, length))
		return;
	if ((size_t)got > length)
		finish_empty(asking, (struct dns_answer){ .is_truncated = true });
	else
		take_answer(asking, answer, length);
}

static void on_stream(struct asking *asking)
{
	size_t wanted = TCP_HEAD;
	ssize_t got;

	if (!asking->answer)
		asking->answer = mem_alloc(TCP_HEAD + DNS_MESSAGE_MAX);
	if (asking->used >= TCP_HEAD)
		wanted += (size_t)asking->answer[0] << 8 | asking->answer[1];
	got = recv(asking->watch.fd, asking->answer + asking->used, wanted - asking->used,
		   MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		try_next(asking);
		return;
	}
	asking->used += (size_t)got;
	if (asking->used <= TCP_HEAD || asking->used < wanted)
		return;
	if (dns_is_answer(asking->message + TCP_HEAD, asking->length, asking->answer + TCP_HEAD,
			  asking->used - TCP_HEAD))
		take_answer(asking, asking->answer + TCP_HEAD, asking->used - TCP_HEAD);
	else
		try_next(asking);
}

static void on_ready(struct loop_watch *watch)
{
	struct asking *asking = watch->context;

	if (asking->stream)
		on_stream(asking);
	else
		on_datagram(asking);
}

static void on_writable(struct loop_watch *watch)
{
	struct asking *asking = watch->context;
	size_t whole = TCP_HEAD + asking->length;

	if (asking->is_sent)
		return;
	/* A question fits into the empty queue of a new connection. */
	if (send(watch->fd, asking->message, whole, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    (ssize_t)whole) {
		try_next(asking);
		return;
	}
	asking->is_sent = true;
	loop_want(&asking->member->resolver->loop, watch, LOOP_READ);
}

static void on_expiry(struct loop_timer *timer)
{
	try_next(timer->context);
}

static bool connect_to(int fd, const struct ipaddr *server)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(SERVER_PORT) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(SERVER_PORT) };

	memcpy(&ipv4.sin_addr, server->bytes, sizeof(ipv4.sin_addr));
	memcpy(&ipv6.sin6_addr, server->bytes, sizeof(ipv6.sin6_addr));
	return (server->family == AF_INET6
			? connect(fd, (const struct sockaddr *)&ipv6, sizeof(ipv6))
			: connect(fd, (const struct sockaddr *)&ipv4, sizeof(ipv4))) == 0 ||
	       errno == EINPROGRESS;
}

/* Sends the question to one server. */
static bool try_server(struct asking *asking, const struct ipaddr *server)
{
	struct loop *loop = &asking->member->resolver->loop;
	int type = asking->stream ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(server->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct error ignored;
	uint16_t id;

	if (fd < 0 || getrandom(&id, sizeof(id), 0) != sizeof(id) || !connect_to(fd, server)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	put_id(asking->message + TCP_HEAD, id);
	asking->used = 0;
	asking->is_sent = !asking->stream;
	asking->watch = (struct loop_watch){
		.fd = fd, .on_ready = on_ready, .on_writable = on_writable, .context = asking
	};
	if (!loop_try_watch(loop, &asking->watch, &ignored))
		return false;
	if (asking->stream)
		loop_want(loop, &asking->watch, LOOP_READ | LOOP_WRITE);
	loop_arm(loop, &asking->timer, PATIENCE_MS);
	return asking->stream || send(fd, asking->message + TCP_HEAD, asking->length,
				      MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)asking->length;
}

static void try_next(struct asking *asking)
{
	const struct resolver_facts *facts = &asking->member->facts;

	do {
		end_watch(asking);
		if (asking->tries >= facts->server_count * ROUNDS) {
			finish_empty(asking, (struct dns_answer){ .code = DNS_SERVER_FAILURE });
			return;
		}
	} while (!try_server(asking, &facts->servers[asking->tries++ % facts->server_count]));
}

/* One that asks a lot at once may, but not so that nothing is left for others. */
static bool may_ask(const struct member *member)
{
	size_t left = ASKING_MAX - member->resolver->asking;

	return member->asking_count < ASKING_SURE
		       ? left > 0
		       : member->asking_count < ASKING_MEMBER_MAX && left > ASKING_SPARED;
}

bool resolver_ask(const struct question *question)
{
	struct member *member = question->member;
	struct asking *asking;

	if (!may_ask(member))
		return false;
	asking = mem_alloc(sizeof(*asking));
	*asking = (struct asking){ .next = member->askings,
				   .member = member,
				   .stream = question->stream,
				   .from = question->from,
				   .watch = { .fd = -1 },
				   .timer = { .on_expiry = on_expiry, .context = asking },
				   .id = question->query.id,
				   .message = mem_alloc(TCP_HEAD + question->length),
				   .length = question->length };
	asking->message[0] = (unsigned char)(question->length >> 8);
	asking->message[1] = (unsigned char)question->length;
	memcpy(asking->message + TCP_HEAD, question->message, question->length);
	member->askings = asking;
	member->asking_count++;
	member->resolver->asking++;
	try_next(asking);
	return true;
}

void resolver_forget_stream(const struct stream *stream)
{
	struct asking *next;

	for (struct asking *asking = stream->member->askings; asking; asking = next) {
		next = asking->next;
		if (asking->stream == stream)
			asking_close(asking);
	}
}

void resolver_forget_member(struct member *member)
{
	while (member->askings)
		asking_close(member->askings);
}
