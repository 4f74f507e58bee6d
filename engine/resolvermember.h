/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVERMEMBER_H
#define ENGINE_RESOLVERMEMBER_H

#include <netinet/in.h>

#include "engine/dnsmessage.h"
#include "engine/resolver.h"

/*
 * One container at the resolver: its connection, its two sockets, its TCP connections.
 */

#define STREAMS_MAX 8
#define STREAM_ROOM 4096 /* of a question by TCP, and what comes after it */

struct member {
	struct member *next;
	struct resolver *resolver;
	struct loop_watch control; /* the connection; its end is the container's */
	struct loop_watch udp, tcp;
	int empty_calls;        /* in a row: it was ready, and there was nothing */
	struct loop_watch life; /* a pidfd whose end is the container's instead; fd -1: none */
	struct resolver_facts facts;
	struct stream *streams;
	size_t stream_count;
	struct asking *askings; /* questions of its that are with other servers */
	size_t asking_count;
	void (*on_datagram)(struct loop_watch *watch);
	void (*on_connect)(struct loop_watch *watch);
};

/* A TCP connection from the container. */
struct stream {
	struct stream *next;
	struct member *member;
	struct loop_watch watch;
	struct loop_timer timer;
	unsigned char in[STREAM_ROOM];
	size_t used;
	bool is_waiting; /* a question is being answered */
	bool is_broken;  /* the answer could not be written */
	bool is_advancing;
};

/* A question and where its answer goes. */
struct question {
	struct member *member;
	unsigned char *message;
	size_t length;
	struct dns_query query;
	struct sockaddr_in from; /* by UDP */
	struct stream *stream;   /* by TCP; else NULL */
};

/* Tries to answer; the message need not outlive the call. */
void resolver_take(struct question *question);

/* Goes on with what has come by a stream; it may be closed by that. */
void resolver_advance(struct stream *stream);

/* Sends an answer to who asked. */
void question_answer(const struct question *question, const unsigned char *answer, size_t length);

/* Takes the connection over. */
void member_open(struct resolver *resolver, int connection,
		 void (*on_datagram)(struct loop_watch *watch),
		 void (*on_connect)(struct loop_watch *watch));

/* Hears that one (udp or tcp) no more. A socket that was shut down, by the container's own
 * administrator or by who else has it, would be ready for ever. */
void member_deafen(struct member *member, struct loop_watch *watch);

void stream_close(struct stream *stream);

#endif
