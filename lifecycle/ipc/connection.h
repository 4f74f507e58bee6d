/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_CONNECTION_H
#define LIFECYCLE_IPC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "lifecycle/ipc/eventstream.h"
#include "lifecycle/ipc/outqueue.h"
#include "lifecycle/ipc/topictree.h"
#include "lifecycle/token.h"

/*
 * One client: event-stream RPC (awslabs/aws-c-event-stream, event_stream_rpc.c) over its socket.
 *
 *     CONNECT ─► is it a token of ours? ─► CONNECT_ACK          nothing else before
 *     stream N: first message names the operation ─► one answer, which ends the stream,
 *               or an answer and then events, until the client closes it       (a subscription)
 *
 * Streams are numbered by the client, each one more than the last; an operation is answered before
 * the next message is looked at, so only subscriptions are ever open. Whatever breaks the rules
 * gets a PROTOCOL_ERROR and loses the connection.
 */

#define CONNECTION_MESSAGE_MAX   (512 * 1024) /* bytes of a message that a client sends */
#define CONNECTION_STREAMS_MAX   4096         /* open subscriptions of one connection */
#define CONNECTION_CONNECT_MS    10000       /* a client that has not said who it is by then goes */
#define CONNECTION_STALL_MS      30000       /* and one that has read nothing for so long */
#define CONNECTION_PAUSE_WAITING (64 * 1024) /* nothing is read while so many bytes wait */

enum rpc_type {
	RPC_MESSAGE,
	RPC_ERROR,
	RPC_PING,
	RPC_PING_RESPONSE,
	RPC_CONNECT,
	RPC_CONNECT_ACK,
	RPC_PROTOCOL_ERROR,
	RPC_INTERNAL_ERROR,
};

enum rpc_flag {
	RPC_ACCEPTED = 1,
	RPC_TERMINATE = 2,
};

struct operation;

/* An open stream whose operation goes on sending events. */
struct subscription {
	struct connection *connection;
	const struct operation *operation;
	int32_t stream;
	struct subscription *next, *previous; /* of the connection */

	/* What it is about; which of it is used follows from the operation. */
	struct topic_entry topic;
	bool is_others_only; /* not what the component itself publishes */
	int qos;
	char *filter;    /* of the MQTT proxy */
	char *component; /* whose configuration */
	char **path;     /* NULL-terminated */
};

struct connection {
	struct ipc_server *server;
	struct loop_watch watch;
	struct loop_timer timer; /* until it has connected; then while it does not read */
	struct connection *next, *previous;
	struct connection *next_touched;
	bool is_touched; /* on the server's list of those with something to flush */

	char *name; /* of the component or console; NULL until it has connected */
	enum token_kind kind;
	bool is_ending;  /* nothing more is read; it goes when what waits is written */
	bool is_broken;  /* it goes at once */
	bool is_stalled; /* something waited when it was last settled */
	struct buf in;   /* the beginning of a message whose rest is not there yet */
	struct outqueue out;
	int32_t last_stream;
	struct subscription *subscriptions;
	size_t subscription_count;
	unsigned long long dropped; /* events */
};

/* Takes over a connected socket. */
struct connection *connection_new(struct ipc_server *server, int fd) must_check;
/* Ends its subscriptions and closes it, now. */
void connection_free(struct connection *connection);

/* Nothing more is read; what waits is still written. */
void connection_end(struct connection *connection);

/* Writes what waits; called once after everything that may have added to it. The connection may be
 * gone afterwards. */
void connection_settle(struct connection *connection);

/* One message. `model` is the shape's name without its namespace, NULL for none; `flags` from
 * enum rpc_flag. */
void connection_send(struct connection *connection, enum rpc_type type, int flags, int32_t stream,
		     const char *model, const char *payload, size_t length);

/* An event of the subscription; older ones may have to go for it. */
void subscription_send(struct subscription *subscription, const char *model, const char *payload,
		       size_t length);

struct subscription *subscription_new(struct connection *connection, int32_t stream,
				      const struct operation *operation) must_check;
void subscription_free(struct subscription *subscription);

#endif
