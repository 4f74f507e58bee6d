/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"

/* -- writing ------------------------------------------------------------------------------------
 */

/* The next settling will look at it. */
static void touch(struct connection *connection)
{
	if (connection->is_touched)
		return;
	connection->is_touched = true;
	connection->next_touched = connection->server->touched;
	connection->server->touched = connection;
}

static const char *who(const struct connection *connection)
{
	return connection->name ? connection->name : "a client";
}

#define TYPE_AT    15 /* where in the head a number stands */
#define FLAGS_AT   35
#define STREAM_AT  51
#define CONTENT_AT 55
#define START_SIZE 88

static void put_int(char *at, uint32_t number)
{
	for (size_t i = 4; i-- > 0; number >>= 8)
		at[i] = (char)(number & 0xff);
}

static void write_message(struct connection *connection, enum rpc_type type, int flags,
			  int32_t stream, const char *model, const char *payload, size_t length)
{
	/* What nearly every message begins with, ready but for the numbers. */
	static const char start[START_SIZE + 1] = "\15:message-type\4\0\0\0\0"
						  "\16:message-flags\4\0\0\0\0"
						  "\12:stream-id\4\0\0\0\0"
						  "\15:content-type\7\0\20application/json";
	bool has_content = length && type != RPC_PING_RESPONSE;
	struct eventstream_writer writer;
	char head[START_SIZE];

	memcpy(head, start, START_SIZE);
	put_int(head + TYPE_AT, (uint32_t)type);
	put_int(head + FLAGS_AT, (uint32_t)flags);
	put_int(head + STREAM_AT, (uint32_t)stream);
	eventstream_begin(&writer, &connection->out.bytes);
	eventstream_add_ready(&writer, head, has_content ? START_SIZE : CONTENT_AT);
	if (model) {
		char shape[96] = "aws.greengrass#";

		strcpy(shape + strlen(shape), model); /* a shape's name, all of which are ours */
		eventstream_add_text(&writer, "service-model-type", shape);
	}
	eventstream_end(&writer, payload, length);
}

/* What was written last is a whole message. `event` is its stream if it may be dropped. */
static void wrote(struct connection *connection, int32_t event)
{
	if (connection->out.bytes.is_cut) {
		log_warning("IPC: %s asks for much and reads nothing: disconnected",
			    who(connection));
		connection->is_broken = true;
	} else {
		outqueue_note(&connection->out, event);
	}
	touch(connection);
}

void connection_send(struct connection *connection, enum rpc_type type, int flags, int32_t stream,
		     const char *model, const char *payload, size_t length)
{
	if (connection->is_broken)
		return;
	write_message(connection, type, flags, stream, model, payload, length);
	wrote(connection, 0);
}

void subscription_send(struct subscription *subscription, const char *model, const char *payload,
		       size_t length)
{
	struct connection *connection = subscription->connection;

	if (connection->is_broken || connection->is_ending)
		return;

	size_t dropped = outqueue_make_room(&connection->out, subscription->stream);

	if (dropped && connection->dropped == 0)
		log_warning("IPC: %s reads its events too slowly: the oldest are dropped",
			    who(connection));
	connection->dropped += dropped;
	write_message(connection, RPC_MESSAGE, 0, subscription->stream, model, payload, length);
	wrote(connection, subscription->stream);
}

/* -- subscriptions ------------------------------------------------------------------------------
 */

struct subscription *subscription_new(struct connection *connection, int32_t stream,
				      const struct operation *operation)
{
	struct subscription *subscription = mem_alloc(sizeof(*subscription));

	subscription->connection = connection;
	subscription->operation = operation;
	subscription->stream = stream;
	subscription->topic.owner = subscription;
	subscription->next = connection->subscriptions;
	if (subscription->next)
		subscription->next->previous = subscription;
	connection->subscriptions = subscription;
	connection->subscription_count++;
	return subscription;
}

void subscription_free(struct subscription *subscription)
{
	struct connection *connection = subscription->connection;

	if (subscription->filter)
		mqtt_forget(subscription);
	else
		topictree_remove(&connection->server->topics, &subscription->topic);
	if (subscription->previous)
		subscription->previous->next = subscription->next;
	else
		connection->subscriptions = subscription->next;
	if (subscription->next)
		subscription->next->previous = subscription->previous;
	connection->subscription_count--;
	free(subscription->filter);
	free(subscription->component);
	for (char **key = subscription->path; key && *key; key++)
		free(*key);
	free(subscription->path);
	free(subscription);
}

static struct subscription *find_subscription(const struct connection *connection, int32_t stream)
{
	struct subscription *found = connection->subscriptions;

	while (found && found->stream != stream)
		found = found->next;
	return found;
}

/* -- the protocol -------------------------------------------------------------------------------
 */

void connection_end(struct connection *connection)
{
	while (connection->subscriptions)
		subscription_free(connection->subscriptions);
	connection->is_ending = true;
	touch(connection);
}

static void protocol_error(struct connection *connection, const char *reason)
{
	autobuf struct buf payload;
	struct jsonout out;

	log_warning("IPC: %s breaks the protocol: %s", who(connection), reason);
	buf_init(&payload, 4096);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "message", reason);
	jsonout_object_end(&out);
	jsonout_done(&out);
	connection_send(connection, RPC_PROTOCOL_ERROR, 0, 0, NULL, payload.data, payload.length);
	connection_end(connection);
}

/* The token in {"authToken":"…"}, or NULL. */
static const char *read_token(struct arena *arena, const struct eventstream_message *message)
{
	const struct json *root;
	const char *token;
	struct error err;

	if (!json_parse(arena, "CONNECT", message->payload, message->payload_length, &root, &err) ||
	    !json_text(root, "authToken", &token, &err))
		return NULL;
	return token;
}

static void connect_client(struct connection *connection, const struct eventstream_message *message)
{
	autoarena struct arena arena = { 0 };
	const char *text = read_token(&arena, message);
	const struct token *token = text ? tokens_find(connection->server->tokens, text) : NULL;
	const struct eventstream_header *version = eventstream_find(message, ":version");

	if (!token || !eventstream_is_text(version, "0.1.0")) {
		log_warning("IPC: a client is refused: its %s is not known",
			    token ? "protocol version" : "token");
		connection_send(connection, RPC_CONNECT_ACK, 0, 0, NULL, NULL, 0);
		connection_end(connection);
		return;
	}
	connection->name = mem_strdup(token->name);
	connection->kind = token->kind;
	connection->server->stranger_count--;
	loop_disarm(connection->server->loop, &connection->timer);
	connection_send(connection, RPC_CONNECT_ACK, RPC_ACCEPTED, 0, NULL, NULL, 0);
}

static void answer_ping(struct connection *connection, const struct eventstream_message *message)
{
	struct eventstream_writer writer;

	eventstream_begin(&writer, &connection->out.bytes);
	eventstream_add_int(&writer, ":message-type", RPC_PING_RESPONSE);
	eventstream_add_int(&writer, ":message-flags", 0);
	eventstream_add_int(&writer, ":stream-id", 0);
	for (size_t i = 0; i < message->header_count; i++)
		if (message->headers[i].name[0] != ':' && message->headers[i].length < 32768)
			eventstream_add(&writer, &message->headers[i]);
	eventstream_end(&writer, message->payload, message->payload_length);
	wrote(connection, 0);
}

static void on_connection_message(struct connection *connection, int64_t type,
				  const struct eventstream_message *message)
{
	if (type == RPC_CONNECT && !connection->name)
		connect_client(connection, message);
	else if (!connection->name)
		protocol_error(connection, "the first message must be CONNECT");
	else if (type == RPC_PING)
		answer_ping(connection, message);
	else if (type == RPC_PROTOCOL_ERROR || type == RPC_INTERNAL_ERROR)
		connection_end(connection);
	else if (type != RPC_PING_RESPONSE)
		protocol_error(connection, "a message of this type has no place on stream 0");
}

/* The stream is open, or has been: only its end can come. */
static void on_old_stream(struct connection *connection, int32_t stream, bool is_last)
{
	struct subscription *subscription = find_subscription(connection, stream);

	if (!is_last) {
		protocol_error(connection, "a stream takes one request");
	} else if (subscription) {
		subscription_free(subscription);
		outqueue_forget(&connection->out, stream);
	}
}

static void on_stream_message(struct connection *connection, int64_t type, int32_t stream,
			      bool is_last, const struct eventstream_message *message)
{
	const struct eventstream_header *operation = eventstream_find(message, "operation");

	if (!connection->name) {
		protocol_error(connection, "the first message must be CONNECT");
	} else if (type != RPC_MESSAGE && type != RPC_ERROR) {
		protocol_error(connection, "a message of this type belongs on stream 0");
	} else if (stream < 0 ||
		   (stream > connection->last_stream && stream - 1 != connection->last_stream)) {
		protocol_error(connection, "streams are numbered one after another");
	} else if (stream <= connection->last_stream) {
		on_old_stream(connection, stream, is_last || type == RPC_ERROR);
	} else if (!operation || operation->type != EVENTSTREAM_TEXT) {
		protocol_error(connection, "a new stream must name its operation");
	} else {
		connection->last_stream = stream;
		if (!is_last && type == RPC_MESSAGE)
			operation_serve(connection, stream, operation->bytes, operation->length,
					message->payload, message->payload_length);
	}
}

static void on_message(struct connection *connection, const struct eventstream_message *message)
{
	const struct eventstream_header *type = eventstream_find(message, ":message-type");
	const struct eventstream_header *flags = eventstream_find(message, ":message-flags");
	const struct eventstream_header *stream = eventstream_find(message, ":stream-id");

	if (!type || !flags || !stream || type->type != EVENTSTREAM_INT ||
	    flags->type != EVENTSTREAM_INT || stream->type != EVENTSTREAM_INT)
		protocol_error(connection,
			       "a message needs :message-type, :message-flags and :stream-id");
	else if (stream->number == 0)
		on_connection_message(connection, type->number, message);
	else
		on_stream_message(connection, type->number, (int32_t)stream->number,
				  flags->number & RPC_TERMINATE, message);
}

/* -- reading ------------------------------------------------------------------------------------
 */

/* Takes the whole messages at the front of `bytes`; returns how much of it they were. */
static size_t take_messages(struct connection *connection, const char *bytes, size_t length)
{
	size_t taken = 0;

	while (!connection->is_ending && !connection->is_broken) {
		struct eventstream_message message;
		struct error err;
		size_t size;

		switch (eventstream_read(bytes + taken, length - taken, CONNECTION_MESSAGE_MAX,
					 &message, &size, &err)) {
		case EVENTSTREAM_MORE:
			return taken;
		case EVENTSTREAM_MESSAGE:
			on_message(connection, &message);
			taken += size;
			break;
		case EVENTSTREAM_BROKEN:
			protocol_error(connection, err.text);
			return length;
		}
	}
	return length;
}

static void take_bytes(struct connection *connection, const char *bytes, size_t length)
{
	struct buf *in = &connection->in;

	if (in->length) {
		buf_add(in, bytes, length);
		bytes = in->data;
		length = in->length;
	}

	size_t taken = take_messages(connection, bytes, length);

	if (bytes == in->data)
		buf_consume(in, taken);
	else
		buf_add(in, bytes + taken, length - taken);
	if (!in->length)
		buf_done(in); /* who is idle holds nothing */
}

static void on_ready(struct loop_watch *watch)
{
	struct connection *connection = watch->context;
	struct ipc_server *server = connection->server;
	ssize_t count = read(watch->fd, server->scratch, SERVER_SCRATCH);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count < 0 || (count == 0 && connection->is_ending))
		connection->is_broken = true;
	if (count > 0 && !connection->is_ending)
		take_bytes(connection, server->scratch, (size_t)count);
	else if (count == 0)
		connection_end(connection); /* it may still read what waits */
	touch(connection);
	server_settle(server);
}

static void on_writable(struct loop_watch *watch)
{
	struct connection *connection = watch->context;

	touch(connection);
	server_settle(connection->server);
}

static void on_time(struct loop_timer *timer)
{
	struct connection *connection = timer->context;

	log_warning("IPC: %s %s: disconnected", who(connection),
		    connection->name ? "does not read" : "does not say who it is");
	connection->is_broken = true;
	touch(connection);
	server_settle(connection->server);
}

void connection_settle(struct connection *connection)
{
	struct loop *loop = connection->server->loop;
	bool is_moving = false;
	struct error err;

	if (!connection->is_broken &&
	    !outqueue_flush(&connection->out, connection->watch.fd, &is_moving, &err))
		connection->is_broken = true;

	size_t waiting = outqueue_waiting(&connection->out);

	if (connection->is_broken || (connection->is_ending && !waiting)) {
		connection_free(connection);
		return;
	}

	bool is_reading = !connection->is_ending && waiting < CONNECTION_PAUSE_WAITING;

	loop_want(loop, &connection->watch,
		  (is_reading ? LOOP_READ : 0U) | (waiting ? LOOP_WRITE : 0U));
	if (!connection->name && !connection->is_ending)
		return; /* the timer waits for CONNECT */
	if (!waiting)
		loop_disarm(loop, &connection->timer);
	else if (is_moving || !connection->is_stalled)
		loop_arm(loop, &connection->timer, CONNECTION_STALL_MS);
	connection->is_stalled = waiting > 0;
}

/* -- life ---------------------------------------------------------------------------------------
 */

struct connection *connection_new(struct ipc_server *server, int fd)
{
	struct connection *connection = mem_alloc(sizeof(*connection));

	connection->server = server;
	connection->watch = (struct loop_watch){
		.fd = fd, .on_ready = on_ready, .on_writable = on_writable, .context = connection
	};
	connection->timer = (struct loop_timer){ .on_expiry = on_time, .context = connection };
	buf_init(&connection->in, CONNECTION_MESSAGE_MAX + SERVER_SCRATCH);
	outqueue_init(&connection->out);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	server->connection_count++;
	server->stranger_count++;
	loop_watch(server->loop, &connection->watch);
	loop_arm(server->loop, &connection->timer, CONNECTION_CONNECT_MS);
	return connection;
}

void connection_free(struct connection *connection)
{
	struct ipc_server *server = connection->server;

	while (connection->subscriptions)
		subscription_free(connection->subscriptions);
	if (connection->dropped)
		log_warning("IPC: %llu events for %s were dropped", connection->dropped,
			    who(connection));
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->connection_count--;
	server->stranger_count -= !connection->name;
	loop_disarm(server->loop, &connection->timer);
	loop_unwatch(server->loop, &connection->watch);
	close(connection->watch.fd);
	buf_done(&connection->in);
	outqueue_done(&connection->out);
	free(connection->name);
	free(connection);
}
