/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IPC server over socket pairs, as clients that keep to the protocol see it, and as those see
 * it that do not.
 */
#include "lifecycle/ipc/server.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "lifecycle/ipc/core.h"
#include "tests/ipc/memhost.h"
#include "tests/unit/ipcvectors.h"
#include "tests/unit/tap.h"

#define ALL_PUBSUB                                                                                 \
	"\"accessControl\":{\"aws.greengrass.ipc.pubsub\":{\"p\":{\"operations\":[\"*\"],"         \
	"\"resources\":[\"*\"]}}}"

struct bench {
	struct loop loop;
	struct memhost host;
	struct tokens tokens;
	struct ipc_server *server;
	char a[TOKEN_LENGTH + 1], b[TOKEN_LENGTH + 1];
};

/* -- clients ------------------------------------------------------------------------------------
 */

struct client {
	struct bench *bench;
	int fd;
	struct buf in;
	int32_t last;
};

/* What was read, in a form that is easy to compare: "TYPE/FLAGS/STREAM MODEL PAYLOAD". */
static const char *next_text(struct client *client)
{
	static char text[8192];
	struct eventstream_message message;
	struct error err = { .text = "" };
	size_t size;
	ssize_t count;
	char bytes[65536];

	while ((count = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		buf_add(&client->in, bytes, (size_t)count);
	if (eventstream_read(client->in.data, client->in.length, 1 << 20, &message, &size, &err) !=
	    EVENTSTREAM_MESSAGE) {
		snprintf(text, sizeof(text), "%s%s", err.text, count == 0 ? "EOF" : "nothing");
		return text;
	}

	const struct eventstream_header *model = eventstream_find(&message, "service-model-type");

	snprintf(text, sizeof(text), "%d/%d/%d%s%.*s%s%.*s",
		 (int)eventstream_find(&message, ":message-type")->number,
		 (int)eventstream_find(&message, ":message-flags")->number,
		 (int)eventstream_find(&message, ":stream-id")->number, model ? " " : "",
		 model ? model->length - 15 : 0, model ? model->bytes + 15 : "",
		 message.payload_length ? " " : "", (int)message.payload_length, message.payload);
	buf_consume(&client->in, size);
	return text;
}

static void on_expiry(struct loop_timer *timer)
{
	(void)timer;
}

/* Lets the server do what there is to do; the timer is there so that no step waits. */
static void turn(struct bench *bench)
{
	struct error err;

	for (int i = 0; i < 4; i++) {
		struct loop_timer timer = { .on_expiry = on_expiry };

		loop_arm(&bench->loop, &timer, 0);
		if (!loop_step(&bench->loop, &err))
			check(false, "loop: %s", err.text);
		loop_disarm(&bench->loop, &timer);
	}
}

static void client_open(struct client *client, struct bench *bench)
{
	int ends[2];

	*client = (struct client){ .bench = bench };
	buf_init(&client->in, 16 << 20);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		check(false, "socketpair");
	client->fd = ends[0];
	server_adopt(bench->server, ends[1]);
}

static void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	buf_done(&client->in);
	turn(client->bench);
}

static void client_send(struct client *client, const void *bytes, size_t count)
{
	if (send(client->fd, bytes, count, MSG_NOSIGNAL) != (ssize_t)count)
		check(false, "send");
}

static void client_write(struct client *client, int type, int flags, int32_t stream,
			 const char *operation, const char *payload)
{
	struct eventstream_writer writer;
	autobuf struct buf bytes;
	char name[128];

	buf_init(&bytes, 1 << 20);
	eventstream_begin(&writer, &bytes);
	eventstream_add_int(&writer, ":message-type", type);
	eventstream_add_int(&writer, ":message-flags", flags);
	eventstream_add_int(&writer, ":stream-id", stream);
	if (type == RPC_CONNECT)
		eventstream_add_text(&writer, ":version", "0.1.0");
	if (operation) {
		snprintf(name, sizeof(name), "aws.greengrass#%s", operation);
		eventstream_add_text(&writer, "operation", name);
	}
	eventstream_end(&writer, payload, strlen(payload));
	client_send(client, bytes.data, bytes.length);
}

static void client_connect(struct client *client, struct bench *bench, const char *token)
{
	char payload[64];

	client_open(client, bench);
	snprintf(payload, sizeof(payload), "{\"authToken\":\"%s\"}", token);
	client_write(client, RPC_CONNECT, 0, 0, NULL, payload);
	turn(bench);
	check_text(next_text(client), "5/1/0", "connected");
}

/* One operation; the answer's text. */
static const char *call(struct client *client, const char *operation, const char *payload)
{
	client_write(client, RPC_MESSAGE, 0, ++client->last, operation, payload);
	turn(client->bench);
	return next_text(client);
}

static void bench_open(struct bench *bench, const char *configuration)
{
	const struct token *token;
	struct error err;

	*bench = (struct bench){ 0 };
	memhost_init(&bench->host);
	if (!memhost_add(&bench->host, "com.example.A", configuration) ||
	    !memhost_add(&bench->host, "com.example.B", configuration))
		check(false, "configuration");
	if (tokens_issue(&bench->tokens, "com.example.A", TOKEN_COMPONENT, &token, &err))
		memcpy(bench->a, token->text, sizeof(bench->a));
	if (tokens_issue(&bench->tokens, "com.example.B", TOKEN_COMPONENT, &token, &err))
		memcpy(bench->b, token->text, sizeof(bench->b));

	struct ipc_options options = { .loop = &bench->loop,
				       .host = &bench->host.host,
				       .tokens = &bench->tokens };

	if (!ipc_server_open(&bench->server, &options, &err))
		check(false, "server: %s", err.text);
	bench->host.server = bench->server;
}

static void bench_close(struct bench *bench)
{
	ipc_server_close(bench->server);
	memhost_done(&bench->host);
	tokens_done(&bench->tokens);
	check_int((long long)bench->loop.count, 0, "nothing is watched any more");
	loop_done(&bench->loop);
}

/* -- connecting ---------------------------------------------------------------------------------
 */

static void test_vectors(void)
{
	static const char *const connects[] = { vector_connect_node, vector_connect_python,
						vector_connect_c };
	struct bench bench;
	struct client client;

	bench_open(&bench, "{" ALL_PUBSUB "}");
	memcpy(bench.tokens.first->text, "ABCDEFGHIJKLMNOP", 16);
	for (size_t i = 0; i < COUNT_OF(connects); i++) {
		autobuf struct buf bytes, wanted;
		char got[512];

		client_open(&client, &bench);
		vector_read(&bytes, connects[i]);
		for (size_t j = 0; j < bytes.length; j++) {
			client_send(&client, bytes.data + j, 1);
			turn(&bench);
		}
		vector_read(&wanted, vector_ack);
		check(recv(client.fd, got, sizeof(got), 0) == (ssize_t)wanted.length &&
			      memcmp(got, wanted.data, wanted.length) == 0,
		      "CONNECT in single bytes, CONNECT_ACK byte for byte: %zu", i);
		if (i == 0) {
			buf_done(&bytes);
			buf_done(&wanted);
			vector_read(&bytes, vector_publish);
			vector_read(&wanted, vector_response);
			client_send(&client, bytes.data, bytes.length);
			turn(&bench);
			check(recv(client.fd, got, sizeof(got), 0) == (ssize_t)wanted.length &&
				      memcmp(got, wanted.data, wanted.length) == 0,
			      "PublishToTopic of the Node SDK, answered byte for byte");
			buf_done(&bytes);
			buf_done(&wanted);
			vector_read(&bytes, vector_ping);
			vector_read(&wanted, vector_ping_response);
			client_send(&client, bytes.data, bytes.length);
			turn(&bench);
			check(recv(client.fd, got, sizeof(got), 0) == (ssize_t)wanted.length &&
				      memcmp(got, wanted.data, wanted.length) == 0,
			      "PING, answered byte for byte");
		}
		client_close(&client);
	}
	check_int((long long)bench.server->connection_count, 0, "all are gone again");
	bench_close(&bench);
}

static void test_refused(void)
{
	static const struct {
		const char *payload, *name;
	} cases[] = {
		{ "", "an empty payload (Node without SVCUID)" },
		{ "{}", "no token" },
		{ "{\"authToken\":\"AAAAAAAAAAAAAAAA\"}", "a wrong token" },
		{ "{\"authToken\":7}", "a token that is no text" },
		{ "{\"authToken\":\"\"}", "an empty token" },
		{ "[]", "no object" },
		{ "{\"authToken\":\"AAAAAAAAAAAAAAAA", "broken JSON" },
	};
	struct bench bench;
	struct client client;

	bench_open(&bench, "{}");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		client_open(&client, &bench);
		client_write(&client, RPC_CONNECT, 0, 0, NULL, cases[i].payload);
		turn(&bench);
		check_text(next_text(&client), "5/0/0", "%s: refused", cases[i].name);
		check_text(next_text(&client), "EOF", "%s: closed", cases[i].name);
		client_close(&client);
	}
	bench_close(&bench);
}

/* Each loses the connection after a PROTOCOL_ERROR, and hurts nobody else. */
static void test_rules(void)
{
	static const struct {
		int type, flags, stream;
		const char *operation, *name;
	} cases[] = {
		{ RPC_CONNECT, 0, 0, NULL, "a second CONNECT" },
		{ RPC_CONNECT, 0, 1, NULL, "CONNECT on a stream" },
		{ RPC_PING, 0, 1, NULL, "PING on a stream" },
		{ RPC_MESSAGE, 0, 0, "PublishToTopic", "a request on stream 0" },
		{ RPC_ERROR, 0, 0, NULL, "an error on stream 0" },
		{ RPC_MESSAGE, 0, 3, "PublishToTopic", "a number left out" },
		{ RPC_MESSAGE, 0, -1, "PublishToTopic", "a negative number" },
		{ RPC_MESSAGE, 0, 2, NULL, "no operation" },
		{ RPC_MESSAGE, 0, 1, "PublishToTopic", "a number used twice" },
		{ 99, 0, 0, NULL, "an unknown type" },
	};
	struct bench bench;
	struct client client, other;

	bench_open(&bench, "{" ALL_PUBSUB "}");
	client_connect(&other, &bench, bench.b);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		client_connect(&client, &bench, bench.a);
		call(&client, "PublishToTopic",
		     "{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{\"message\":1}}}");
		client_write(&client, cases[i].type, cases[i].flags, cases[i].stream,
			     cases[i].operation, "{}");
		turn(&bench);
		check(strncmp(next_text(&client), "6/0/0 {\"message\":", 17) == 0,
		      "%s: PROTOCOL_ERROR", cases[i].name);
		check_text(next_text(&client), "EOF", "%s: closed", cases[i].name);
		client_close(&client);
	}
	client_open(&client, &bench);
	client_write(&client, RPC_MESSAGE, 0, 1, "PublishToTopic", "{}");
	turn(&bench);
	check(strncmp(next_text(&client), "6/0/0", 5) == 0, "a request before CONNECT");
	client_close(&client);

	client_connect(&client, &bench, bench.a);
	client_write(&client, RPC_MESSAGE, RPC_TERMINATE, 1, NULL, "");
	turn(&bench);
	check(strncmp(next_text(&client), "6/0/0", 5) == 0, "the end of a stream that never was");
	client_close(&client);
	check_text(call(&other, "PublishToTopic",
			"{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{\"message\":1}}}"),
		   "0/2/1 PublishToTopicResponse {}", "others do not notice");
	client_write(&other, RPC_MESSAGE, RPC_TERMINATE, 1, NULL, "");
	turn(&bench);
	check_text(next_text(&other), "nothing", "a late end of a stream is ignored");
	client_close(&other);
	bench_close(&bench);
}

static void test_garbage(void)
{
	struct bench bench;
	struct client client;
	char bytes[4096];

	bench_open(&bench, "{" ALL_PUBSUB "}");
	for (int i = 0; i < 50; i++) {
		client_open(&client, &bench);
		if (i % 2) {
			client_close(&client);
			client_connect(&client, &bench, bench.a);
		}
		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (char)(i * 31 + (int)j * 7);
		client_send(&client, bytes, sizeof(bytes));
		turn(&bench);
		if (strncmp(next_text(&client), "6/0/0", 5) != 0)
			check(false, "garbage ends the connection");
		client_close(&client);
	}
	/* The end in the middle of a message. */
	client_connect(&client, &bench, bench.a);

	autobuf struct buf vector;

	vector_read(&vector, vector_publish);
	client_send(&client, vector.data, vector.length / 2);
	turn(&bench);
	client_close(&client);
	check_int((long long)bench.server->connection_count, 0, "nothing is left of any");

	/* Who has said all still reads his answers. */
	client_connect(&client, &bench, bench.a);
	client_send(&client, vector.data, vector.length);
	shutdown(client.fd, SHUT_WR);
	turn(&bench);
	check_text(next_text(&client), "0/2/1 PublishToTopicResponse {}", "half-closed, answered");
	check_text(next_text(&client), "EOF", "and closed");
	client_close(&client);
	bench_close(&bench);
}

/* -- publish and subscribe ----------------------------------------------------------------------
 */

#define PUBLISH(topic, number)                                                                     \
	"{\"topic\":\"" topic "\",\"publishMessage\":{\"jsonMessage\":{\"message\":" number "}}}"
#define EVENT(topic, number)                                                                       \
	"SubscriptionResponseMessage {\"jsonMessage\":{\"message\":" number                        \
	",\"context\":{\"topic\":\"" topic "\"}}}"

static void test_pubsub(void)
{
	struct bench bench;
	struct client a, b;

	bench_open(&bench, "{" ALL_PUBSUB "}");
	client_connect(&a, &bench, bench.a);
	client_connect(&b, &bench, bench.b);
	check_text(call(&a, "SubscribeToTopic", "{\"topic\":\"x/y\"}"),
		   "0/0/1 SubscribeToTopicResponse {}", "subscribed");
	check_text(call(&a, "SubscribeToTopic", "{\"topic\":\"x/+\"}"),
		   "0/0/2 SubscribeToTopicResponse {}", "twice");
	call(&b, "PublishToTopic", PUBLISH("x/y", "1"));
	check_text(next_text(&a), "0/0/2 " EVENT("x/y", "1"), "one copy each");
	check_text(next_text(&a), "0/0/1 " EVENT("x/y", "1"), "one copy each");
	check_text(next_text(&a), "nothing", "and no more");
	call(&b, "PublishToTopic", PUBLISH("x", "2"));
	check_text(next_text(&a), "nothing", "another topic");

	check_text(call(&a, "PublishToTopic", PUBLISH("x/y", "3")), "0/0/1 " EVENT("x/y", "3"),
		   "without a wildcard a component hears itself");
	check_text(next_text(&a), "0/2/3 PublishToTopicResponse {}", "the answer");
	check_text(next_text(&a), "nothing", "with a wildcard it does not");

	client_write(&a, RPC_MESSAGE, RPC_TERMINATE, 1, NULL, "");
	turn(&bench);
	check_text(next_text(&a), "nothing", "a stream is closed without an answer");
	call(&b, "PublishToTopic", PUBLISH("x/y", "4"));
	check_text(next_text(&a), "0/0/2 " EVENT("x/y", "4"), "the other one goes on");
	check_text(next_text(&a), "nothing", "the closed one does not");
	check_text(call(&b, "PublishToTopic",
			"{\"topic\":\"x/z\",\"publishMessage\":{\"binaryMessage\":{\"message\":"
			"\"aGk\\u003d\",\"context\":{\"topic\":\"lie\"}}}}"),
		   "0/2/4 PublishToTopicResponse {}", "binary, with an escaped padding");
	check_text(next_text(&a),
		   "0/0/2 SubscriptionResponseMessage {\"binaryMessage\":{\"message\":\"aGk=\","
		   "\"context\":{\"topic\":\"x/z\"}}}",
		   "arrives, with the context we give it");
	check_text(call(&b, "PublishToTopic",
			"{ \"publishMessage\" : {\"jsonMessage\":{\"message\": {\"a\":[1.50, "
			"\"\\n\xc3\xa4\"]} }} , \"topic\":\"x/z\"}"),
		   "0/2/5 PublishToTopicResponse {}", "any value");
	check_text(next_text(&a), "0/0/2 " EVENT("x/z", "{\"a\":[1.50, \"\\n\xc3\xa4\"]}"),
		   "arrives byte by byte");
	check_text(call(&b, "PublishToTopic",
			"{\"topic\":\"x/y\",\"publishMessage\":{\"jsonMessage\":{\"message\":1},"
			"\"binaryMessage\":null},\"topic\":\"x/\\u0022\"}"),
		   "0/2/6 PublishToTopicResponse {}", "a null and a repeated member");
	check_text(next_text(&a), "0/0/2 " EVENT("x/\\\"", "1"), "the last one counts");
	client_close(&a);
	check(!bench.server->topics.root, "who is gone is subscribed to nothing");
	check_text(call(&b, "PublishToTopic", PUBLISH("x/y", "5")),
		   "0/2/7 PublishToTopicResponse {}", "nobody listens: no error");
	client_close(&b);
	bench_close(&bench);
}

static void expect_error(struct client *client, const char *operation, const char *payload,
			 const char *shape, const char *part)
{
	const char *text = call(client, operation, payload);
	char start[128];

	snprintf(start, sizeof(start), "1/2/%d %s {\"message\":\"", client->last, shape);
	check(strncmp(text, start, strlen(start)) == 0 && strstr(text, part), "%s %s: %s",
	      operation, payload, text);
}

static void test_bad_requests(void)
{
	struct bench bench;
	struct client a;

	bench_open(&bench, "{" ALL_PUBSUB "}");
	client_connect(&a, &bench, bench.a);
	expect_error(&a, "Nonsense", "{}", "ServiceError", "not supported");
	expect_error(&a, "PublishToTopic", "{", "ServiceError", "request");
	expect_error(&a, "PublishToTopic", "[]", "ServiceError", "an object");
	expect_error(&a, "PublishToTopic", "", "ServiceError", "topic");
	expect_error(&a, "PublishToTopic", PUBLISH("", "1"), "ServiceError", "empty");
	expect_error(&a, "PublishToTopic", PUBLISH("a/#", "1"), "ServiceError", "wildcard");
	expect_error(&a, "PublishToTopic", PUBLISH("a*", "1"), "ServiceError", "*");
	expect_error(&a, "PublishToTopic", "{\"topic\":7}", "ServiceError", "expected a string");
	expect_error(&a, "PublishToTopic", "{\"topic\":\"a\"}", "ServiceError", "either");
	expect_error(&a, "PublishToTopic",
		     "{\"topic\":\"a\",\"publishMessage\":{\"binaryMessage\":{\"message\":\"*\"}}}",
		     "ServiceError", "base64");
	expect_error(&a, "SubscribeToTopic", "{\"topic\":\"a+\"}", "InvalidArgumentsError",
		     "whole level");
	expect_error(&a, "SubscribeToTopic", "{\"topic\":\"a\",\"receiveMode\":\"X\"}",
		     "InvalidArgumentsError", "receiveMode");
	expect_error(&a, "PublishToIoTCore", "{\"topicName\":\"a\",\"qos\":\"0\"}",
		     "UnauthorizedError", "com.example.A may not PublishToIoTCore");
	expect_error(&a, "SubscribeToCertificateUpdates", "{}", "UnauthorizedError", "may not");
	expect_error(&a, "ValidateAuthorizationToken", "{\"token\":\"x\"}", "UnauthorizedError",
		     "may not");
	check_text(
		call(&a, "PublishToTopic", PUBLISH("a", "null")),
		"1/2/16 ServiceError {\"message\":\"jsonMessage.message is missing\","
		"\"_message\":\"jsonMessage.message is missing\",\"_errorCode\":\"ServiceError\","
		"\"_service\":\"aws.greengrass#GreengrassCoreIPC\"}",
		"null is as absent; and what an error looks like");
	client_close(&a);
	bench_close(&bench);
}

static void test_authorization(void)
{
	struct bench bench;
	struct client a;

	bench_open(&bench, "{\"accessControl\":{\"aws.greengrass.ipc.pubsub\":{\"p\":{"
			   "\"operations\":[\"aws.greengrass#SubscribeToTopic\"],"
			   "\"resources\":[\"my/{work:path}/#\",\"{iot:thingName}\"]}}}}");
	client_connect(&a, &bench, bench.a);
	expect_error(&a, "PublishToTopic", PUBLISH("gateway-7", "1"), "UnauthorizedError",
		     "may not PublishToTopic on \\\"gateway-7\\\"");
	check_text(call(&a, "SubscribeToTopic", "{\"topic\":\"gateway-7\"}"),
		   "0/0/2 SubscribeToTopicResponse {}", "the thing's name");
	check_text(call(&a, "SubscribeToTopic", "{\"topic\":\"my//work/com.example.A/#\"}"),
		   "0/0/3 SubscribeToTopicResponse {}", "another variable");
	expect_error(&a, "SubscribeToTopic", "{\"topic\":\"my/x/#\"}", "UnauthorizedError",
		     "may not");
	expect_error(&a, "UpdateConfiguration",
		     "{\"keyPath\":[\"accesscontrol\",\"x\"],\"timestamp\":1,\"valueToMerge\":{}}",
		     "InvalidArgumentsError", "accessControl");
	expect_error(&a, "UpdateConfiguration",
		     "{\"timestamp\":1,\"valueToMerge\":{\"ACCESSCONTROL\":null}}",
		     "InvalidArgumentsError", "accessControl");
	check(memhost_merge(&bench.host, "com.example.A",
			    "{\"accessControl\":{\"aws.greengrass.ipc.pubsub\":{\"q\":{"
			    "\"operations\":[\"*\"],\"resources\":[\"new\"]}}}}"),
	      "a deployment adds a policy");
	check_text(call(&a, "PublishToTopic", PUBLISH("new", "1")),
		   "0/2/7 PublishToTopicResponse {}", "which counts from now on");
	client_close(&a);
	bench_close(&bench);
}

/* A subscriber that does not read: memory is bounded, others go on, answers are kept. */
static void test_slow(void)
{
	struct bench bench;
	struct client a, b;
	size_t most = 0;
	int events = 0;
	autobuf struct buf payload;

	bench_open(&bench, "{" ALL_PUBSUB "}");
	client_connect(&a, &bench, bench.a);
	client_connect(&b, &bench, bench.b);
	call(&a, "SubscribeToTopic", "{\"topic\":\"x\"}");
	buf_init(&payload, 8192);
	buf_add_text(&payload,
		     "{\"topic\":\"x\",\"publishMessage\":{\"jsonMessage\":{\"message\":\"");
	for (int i = 0; i < 4000; i++)
		buf_add_char(&payload, 'x');
	buf_add_text(&payload, "\"}}}");
	for (int i = 0; i < 1000; i++) {
		struct connection *connection = bench.server->connections->next; /* a */

		if (strncmp(call(&b, "PublishToTopic", payload.data), "0/2/", 4) != 0)
			check(false, "the publisher is answered");
		if (connection->out.bytes.length > most)
			most = connection->out.bytes.length;
	}
	check(most > 100000 && most < OUTQUEUE_EVENTS_MAX * 2, "at most %zu bytes wait", most);
	client_write(&a, RPC_MESSAGE, 0, ++a.last, "PublishToTopic", PUBLISH("y", "1"));
	for (int i = 0; i < 1100; i++) {
		const char *text = next_text(&a);

		if (strncmp(text, "0/2/2", 5) == 0)
			break;
		events += strncmp(text, "0/0/1", 5) == 0;
		turn(&bench);
	}
	check(events > 50 && events < 1000, "%d of 1000 events arrive, and then the answer",
	      events);
	client_close(&a);
	client_close(&b);
	bench_close(&bench);
}

static void test_crowd(void)
{
	enum {
		CLIENTS = 200,
		EACH = 10
	};
	struct bench bench;
	struct client *clients = calloc(CLIENTS, sizeof(*clients)), publisher;
	int events = 0;
	char payload[128];

	bench_open(&bench, "{" ALL_PUBSUB "}");
	for (int i = 0; i < CLIENTS; i++) {
		client_connect(&clients[i], &bench, bench.a);
		for (int j = 0; j < EACH; j++) {
			snprintf(payload, sizeof(payload), "{\"topic\":\"crowd/%d/%d\"}", i, j);
			if (strncmp(call(&clients[i], "SubscribeToTopic", payload), "0/0/", 4) != 0)
				check(false, "subscription %d of client %d", j, i);
		}
	}
	client_connect(&publisher, &bench, bench.b);
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(payload, sizeof(payload),
			 "{\"topic\":\"crowd/%d/%d\",\"publishMessage\":{\"jsonMessage\":{"
			 "\"message\":1}}}",
			 i, i % EACH);
		call(&publisher, "PublishToTopic", payload);
	}
	for (int i = 0; i < CLIENTS; i++) {
		events += strncmp(next_text(&clients[i]), "0/0/", 4) == 0;
		if (strcmp(next_text(&clients[i]), "nothing") != 0)
			check(false, "client %d hears too much", i);
	}
	check_int(events, CLIENTS, "200 clients with 2000 subscriptions hear what is theirs");
	for (int i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	client_close(&publisher);
	check_int((long long)bench.server->connection_count, 0, "all gone");

	/* Those who never say who they are make room for others. */
	for (int i = 0; i < CLIENTS; i++)
		client_open(&clients[i], &bench);
	check(bench.server->connection_count <= SERVER_STRANGERS_MAX, "strangers are limited");
	client_connect(&publisher, &bench, bench.b);
	for (int i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	client_close(&publisher);
	bench_close(&bench);
	free(clients);
}

/* -- configuration ------------------------------------------------------------------------------
 */

static void test_configuration(void)
{
	struct bench bench;
	struct client a, b;

	bench_open(&bench,
		   "{\"Site\":{\"name\":\"north\",\"none\":null,\"list\":[1,2]},\"n\":1.50}");
	client_connect(&a, &bench, bench.a);
	client_connect(&b, &bench, bench.b);
	check_text(call(&a, "GetConfiguration", ""),
		   "0/2/1 GetConfigurationResponse {\"componentName\":\"com.example.A\",\"value\":{"
		   "\"Site\":{\"name\":\"north\",\"none\":null,\"list\":[1,2]},\"n\":1.50}}",
		   "the whole tree");
	check_text(call(&a, "GetConfiguration",
			"{\"componentName\":\"com.example.B\",\"keyPath\":[\"site\"]}"),
		   "0/2/2 GetConfigurationResponse {\"componentName\":\"com.example.B\",\"value\":{"
		   "\"name\":\"north\",\"none\":null,\"list\":[1,2]}}",
		   "an object of another component, in another case");
	check_text(call(&a, "GetConfiguration", "{\"keyPath\":[\"Site\",\"name\"]}"),
		   "0/2/3 GetConfigurationResponse {\"componentName\":\"com.example.A\","
		   "\"value\":{\"name\":\"north\"}}",
		   "a leaf");
	check_text(call(&a, "GetConfiguration", "{\"keyPath\":[\"Site\",\"none\"]}"),
		   "0/2/4 GetConfigurationResponse {\"componentName\":\"com.example.A\","
		   "\"value\":{\"none\":null}}",
		   "a leaf that holds null");
	expect_error(&a, "GetConfiguration", "{\"keyPath\":[\"missing\"]}", "ResourceNotFoundError",
		     "\"resourceName\":\"missing\"");
	expect_error(&a, "GetConfiguration", "{\"componentName\":\"x\"}", "ResourceNotFoundError",
		     "Key not found");

	client_close(&a);
	client_close(&b);
	bench_close(&bench);
}

static void test_configuration_update(void)
{
	struct bench bench;
	struct client a, b;

	bench_open(&bench, "{\"Site\":{\"name\":\"north\"},\"n\":1}");
	client_connect(&a, &bench, bench.a);
	client_connect(&b, &bench, bench.b);
	check_text(call(&b, "SubscribeToConfigurationUpdate",
			"{\"componentName\":\"com.example.A\",\"keyPath\":[\"Site\"]}"),
		   "0/0/1 SubscribeToConfigurationUpdateResponse {}", "subscribed");
	check_text(call(&a, "UpdateConfiguration",
			"{\"keyPath\":[\"Site\"],\"timestamp\":1700000000.5,"
			"\"valueToMerge\":{\"name\":\"south\",\"new\":{\"a\":true}}}"),
		   "0/2/1 UpdateConfigurationResponse {}", "updated");
	check_text(next_text(&b),
		   "0/0/1 ConfigurationUpdateEvents {\"configurationUpdateEvent\":{"
		   "\"componentName\":\"com.example.A\",\"keyPath\":[\"Site\",\"name\"]}}",
		   "what changed");
	check_text(next_text(&b),
		   "0/0/1 ConfigurationUpdateEvents {\"configurationUpdateEvent\":{"
		   "\"componentName\":\"com.example.A\",\"keyPath\":[\"Site\",\"new\",\"a\"]}}",
		   "what is new");
	check_text(call(&a, "UpdateConfiguration", "{\"timestamp\":0,\"valueToMerge\":{\"n\":2}}"),
		   "0/2/2 UpdateConfigurationResponse {}", "now");
	check_text(next_text(&b), "nothing", "something else changed");
	expect_error(&a, "UpdateConfiguration",
		     "{\"keyPath\":[\"Site\"],\"timestamp\":1600000000,\"valueToMerge\":{"
		     "\"name\":\"west\"}}",
		     "FailedUpdateConditionCheckError", "newer");
	expect_error(&a, "UpdateConfiguration", "{\"timestamp\":\"x\",\"valueToMerge\":{}}",
		     "InvalidArgumentsError", "timestamp");
	expect_error(&a, "UpdateConfiguration", "{\"timestamp\":-1,\"valueToMerge\":{}}",
		     "InvalidArgumentsError", "timestamp");
	expect_error(&a, "UpdateConfiguration", "{\"timestamp\":1}", "InvalidArgumentsError",
		     "valueToMerge");

	client_close(&a);
	client_close(&b);
	bench_close(&bench);
}

static void test_validation(void)
{
	struct bench bench;
	struct client b;

	bench_open(&bench, "{}");
	client_connect(&b, &bench, bench.b);
	check(!ipc_validate(bench.server, "com.example.B", "d1",
			    &(struct json){ .type = JSON_OBJECT }),
	      "nobody validates");
	call(&b, "SubscribeToValidateConfigurationUpdates", "");
	check(ipc_validate(bench.server, "com.example.B", "d1",
			   &(struct json){ .type = JSON_OBJECT }),
	      "somebody does");
	turn(&bench);
	check_text(next_text(&b),
		   "0/0/1 ValidateConfigurationUpdateEvents {\"validateConfigurationUpdateEvent\":"
		   "{\"configuration\":{},\"deploymentId\":\"d1\"}}",
		   "asked");
	check_text(call(&b, "SendConfigurationValidityReport",
			"{\"configurationValidityReport\":{\"status\":\"REJECTED\","
			"\"deploymentId\":\"d1\",\"message\":\"no\"}}"),
		   "0/2/2 SendConfigurationValidityReportResponse {}", "answered");
	expect_error(&b, "SendConfigurationValidityReport",
		     "{\"configurationValidityReport\":{\"status\":\"REJECTED\",\"deploymentId\":"
		     "\"unknown\"}}",
		     "InvalidArgumentsError", "unknown");
	check_text(bench.host.calls.data, "validity com.example.B d1 REJECTED no\n",
		   "the nucleus hears of it");
	client_close(&b);
	bench_close(&bench);
}

/* -- components and deployments -----------------------------------------------------------------
 */

static void test_components(void)
{
	struct bench bench;
	struct client a;
	autotexts struct texts asked = { 0 };
	autoarena struct arena arena = { 0 };

	bench_open(&bench, "{\"k\":1,\"accessControl\":{\"aws.greengrass.ipc.lifecycle\":{\"p\":{"
			   "\"operations\":[\"*\"],\"resources\":[\"com.example.B\",\"x\"]}},"
			   "\"aws.greengrass.Cli\":{\"p\":{\"operations\":[\"*\"],\"resources\":["
			   "\"com.example.B\",\"gone\"]}}}}");
	client_connect(&a, &bench, bench.a);
	check_text(call(&a, "UpdateState", "{\"state\":\"RUNNING\"}"),
		   "0/2/1 UpdateStateResponse {}", "it is running");
	expect_error(&a, "UpdateState", "{\"state\":\"FINISHED\"}", "ServiceError", "RUNNING or");
	expect_error(&a, "DeferComponentUpdate", "{\"deploymentId\":\"d\"}",
		     "InvalidArgumentsError", "not subscribed");
	call(&a, "SubscribeToComponentUpdates", "");
	ipc_pre_update(bench.server, "d1", true, &arena, &asked);
	turn(&bench);
	check(asked.count == 1 && strcmp(asked.items[0], "com.example.A") == 0, "who is asked");
	check_text(next_text(&a),
		   "0/0/4 ComponentUpdatePolicyEvents {\"preUpdateEvent\":{\"deploymentId\":\"d1\","
		   "\"isGgcRestarting\":true}}",
		   "asked");
	check_text(call(&a, "DeferComponentUpdate",
			"{\"deploymentId\":\"d1\",\"recheckAfterMs\":1000,\"message\":\"busy\"}"),
		   "0/2/5 DeferComponentUpdateResponse {}", "deferred");
	expect_error(&a, "DeferComponentUpdate", "{\"deploymentId\":\"late\"}", "ServiceError",
		     "too late");
	ipc_post_update(bench.server, "d1");
	turn(&bench);
	check_text(next_text(&a),
		   "0/0/4 ComponentUpdatePolicyEvents {\"postUpdateEvent\":{\"deploymentId\":"
		   "\"d1\"}}",
		   "told");
	check_text(call(&a, "PauseComponent", "{\"componentName\":\"com.example.B\"}"),
		   "0/2/7 PauseComponentResponse {}", "paused");
	expect_error(&a, "PauseComponent", "{\"componentName\":\"com.example.A\"}",
		     "UnauthorizedError", "may not");
	expect_error(&a, "ResumeComponent", "{\"componentName\":\"x\"}", "ResourceNotFoundError",
		     "\"resourceType\":\"component\"");
	check_text(call(&a, "RestartComponent", "{\"componentName\":\"com.example.B\"}"),
		   "0/2/10 RestartComponentResponse {\"restartStatus\":\"SUCCEEDED\"}",
		   "restarted");
	expect_error(&a, "StopComponent", "{\"componentName\":\"gone\"}", "ComponentNotFoundError",
		     "gone");
	expect_error(&a, "ListComponents", "{}", "ServiceError", "may not ListComponents");
	expect_error(&a, "GetComponentDetails", "{\"componentName\":\"gone\"}",
		     "ResourceNotFoundError",
		     "\"resourceType\":\"component\",\"resourceName\":\"gone\"}");
	check_text(bench.host.calls.data,
		   "report com.example.A RUNNING\ndefer com.example.A d1 1000 busy\n"
		   "pause com.example.B\nrestart com.example.B\n",
		   "the nucleus hears of it");
	ipc_component_gone(bench.server, "com.example.A");
	turn(&bench);
	check_text(next_text(&a), "EOF", "a component that is gone is disconnected");
	client_close(&a);
	bench_close(&bench);
}

static void test_deployments(void)
{
	struct bench bench;
	struct client console;
	const struct token *token = NULL;
	struct error err;

	bench_open(&bench, "{\"k\":1}");
	check_ok(tokens_issue(&bench.tokens, "user-0", TOKEN_CONSOLE, &token, &err), &err, "token");
	client_connect(&console, &bench, token->text);
	check_text(
		call(&console, "CreateLocalDeployment",
		     "{\"groupName\":\"g\",\"rootComponentVersionsToAdd\":{\"c\":\"1.0.0\"},"
		     "\"rootComponentsToRemove\":[\"old\"],\"componentToConfiguration\":{\"c\":{"
		     "\"MERGE\":{\"a\":{\"b\":1}},\"RESET\":[\"/x\",\"\"]},\"d\":\"{\\\"merge\\\":"
		     "{}}\"},\"componentToRunWithInfo\":{\"c\":{\"posixUser\":\"u:g\","
		     "\"systemResourceLimits\":{\"memory\":1024,\"cpus\":0.5}}},"
		     "\"recipeDirectoryPath\":\"/\",\"failureHandlingPolicy\":\"DO_NOTHING\"}"),
		"0/2/1 CreateLocalDeploymentResponse {\"deploymentId\":"
		"\"6f6d3f5c-0000-4000-8000-000000000001\"}",
		"created");
	check_text(bench.host.calls.data,
		   "deploy group=g recipes=/ artifacts=- DO_NOTHING\n"
		   "change c version=1.0.0 user=u:g memory=1024 cpus=0.5 reset=/x reset= "
		   "merge={\"a\":{\"b\":1}}\n"
		   "change d version=- user=- memory=0 cpus=- merge={}\n"
		   "remove old\n",
		   "as it was asked for");
	check_text(call(&console, "ListLocalDeployments", ""),
		   "0/2/2 ListLocalDeploymentsResponse {\"localDeployments\":[{\"deploymentId\":"
		   "\"6f6d3f5c-0000-4000-8000-000000000001\",\"status\":\"QUEUED\",\"createdOn\":"
		   "\"14-11-2023 22:13:20 UTC\"}]}",
		   "listed");
	check_text(call(&console, "CancelLocalDeployment",
			"{\"deploymentId\":\"6f6d3f5c-0000-4000-8000-000000000001\"}"),
		   "0/2/3 CancelLocalDeploymentResponse {\"message\":\"the deployment is being "
		   "cancelled\"}",
		   "cancelled");
	expect_error(&console, "CancelLocalDeployment",
		     "{\"deploymentId\":\"6f6d3f5c-0000-4000-8000-000000000001\"}",
		     "InvalidArgumentsError", "is over");
	check_text(call(&console, "GetLocalDeploymentStatus",
			"{\"deploymentId\":\"6f6d3f5c-0000-4000-8000-000000000001\"}"),
		   "0/2/5 GetLocalDeploymentStatusResponse {\"deployment\":{\"deploymentId\":"
		   "\"6f6d3f5c-0000-4000-8000-000000000001\",\"status\":\"CANCELED\",\"createdOn\":"
		   "\"14-11-2023 22:13:20 UTC\",\"deploymentStatusDetails\":{"
		   "\"detailedDeploymentStatus\":\"REJECTED\",\"deploymentErrorStack\":["
		   "\"DEPLOYMENT_FAILURE\",\"NO_AVAILABLE_VERSION\"],\"deploymentErrorTypes\":["
		   "\"REQUEST_ERROR\"],\"deploymentFailureCause\":\"it was cancelled\"}}}",
		   "its status");
	expect_error(&console, "GetLocalDeploymentStatus", "{\"deploymentId\":\"x\"}",
		     "ResourceNotFoundError", "\"resourceName\":\"x\"");
	check_text(
		call(&console, "ListComponents", ""),
		"0/2/7 ListComponentsResponse {\"components\":[{\"componentName\":"
		"\"com.example.A\",\"version\":\"1.0.0\",\"state\":\"RUNNING\",\"configuration\":{"
		"\"k\":1}},{\"componentName\":\"com.example.B\",\"version\":\"1.0.0\",\"state\":"
		"\"RUNNING\",\"configuration\":{\"k\":1}}]}",
		"components");
	client_close(&console);
	bench_close(&bench);
}

static void test_bad_deployments(void)
{
	struct bench bench;
	struct client console;
	const struct token *token = NULL;
	struct error err;

	bench_open(&bench, "{}");
	check_ok(tokens_issue(&bench.tokens, "user-0", TOKEN_CONSOLE, &token, &err), &err, "token");
	client_connect(&console, &bench, token->text);
	expect_error(&console, "CreateLocalDeployment", "{\"groupName\":\"a:b\"}",
		     "InvalidArgumentsError", "':'");
	expect_error(&console, "CreateLocalDeployment", "{\"recipeDirectoryPath\":\"x\"}",
		     "InvalidRecipeDirectoryPathError", "absolute");
	expect_error(&console, "CreateLocalDeployment",
		     "{\"artifactsDirectoryPath\":\"/nowhere/at/all\"}",
		     "InvalidArtifactsDirectoryPathError", "No such file");
	expect_error(&console, "CreateLocalDeployment",
		     "{\"rootComponentVersionsToAdd\":{\"c\":1}}", "InvalidArgumentsError",
		     "a string");
	expect_error(&console, "CreateLocalDeployment", "{\"failureHandlingPolicy\":\"x\"}",
		     "InvalidArgumentsError", "DO_NOTHING");
	check_text(bench.host.calls.data, "", "the nucleus hears of none of them");
	client_close(&console);
	bench_close(&bench);
}

static void test_tokens_and_metrics(void)
{
	struct bench bench;
	struct client streams, a;
	const struct token *token;
	struct error err;
	char payload[128];

	bench_open(&bench, "{}");
	if (!memhost_add(&bench.host, "aws.greengrass.StreamManager",
			 "{\"accessControl\":{\"aws.greengrass.ipc.componentmetric\":{\"p\":{"
			 "\"operations\":[\"*\"],\"resources\":[\"Bytes*\"]}}}}") ||
	    !tokens_issue(&bench.tokens, "aws.greengrass.StreamManager", TOKEN_COMPONENT, &token,
			  &err)) {
		check(false, "stream manager");
		return;
	}
	client_connect(&streams, &bench, token->text);
	client_connect(&a, &bench, bench.a);
	snprintf(payload, sizeof(payload), "{\"token\":\"%s\"}", bench.a);
	check_text(call(&streams, "ValidateAuthorizationToken", payload),
		   "0/2/1 ValidateAuthorizationTokenResponse {\"isValid\":true}", "a good token");
	expect_error(&streams, "ValidateAuthorizationToken", "{\"token\":\"AAAAAAAAAAAAAAAA\"}",
		     "InvalidTokenError", "not valid");
	check_text(
		call(&streams, "PutComponentMetric",
		     "{\"metrics\":[{\"name\":\"BytesAppended\",\"unit\":\"BYTES\",\"value\":1.5},"
		     "{\"name\":\"BytesAppended\",\"unit\":\"BYTES\",\"value\":2}]}"),
		"0/2/3 PutComponentMetricResponse {}", "metrics");
	expect_error(&streams, "PutComponentMetric", "{\"metrics\":[]}", "InvalidArgumentsError",
		     "empty");
	expect_error(&streams, "PutComponentMetric",
		     "{\"metrics\":[{\"name\":\"BytesX\",\"unit\":\"MILES\",\"value\":1}]}",
		     "InvalidArgumentsError", "MILES");
	expect_error(&streams, "PutComponentMetric",
		     "{\"metrics\":[{\"name\":\"BytesX\",\"unit\":\"BYTES\",\"value\":-1}]}",
		     "InvalidArgumentsError", "negative");
	expect_error(&streams, "PutComponentMetric",
		     "{\"metrics\":[{\"name\":\"Other\",\"unit\":\"BYTES\",\"value\":1}]}",
		     "UnauthorizedError", "may not");
	expect_error(&a, "PutComponentMetric",
		     "{\"metrics\":[{\"name\":\"x\",\"unit\":\"BYTES\",\"value\":1}]}",
		     "UnauthorizedError", "only components of AWS");

	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, 1024);
	jsonout_init(&out, &text, false);
	metrics_write(&bench.server->metrics, &out, NULL);
	jsonout_done(&out);
	check_text(text.data,
		   "[{\"component\":\"aws.greengrass.StreamManager\",\"name\":\"BytesAppended\","
		   "\"unit\":\"BYTES\",\"count\":2,\"sum\":3.5,\"last\":2}]",
		   "are summed up");
	client_close(&streams);
	client_close(&a);
	bench_close(&bench);
}

int main(void)
{
	test_vectors();
	test_refused();
	test_rules();
	test_garbage();
	test_pubsub();
	test_bad_requests();
	test_authorization();
	test_slow();
	test_crowd();
	test_configuration();
	test_configuration_update();
	test_validation();
	test_components();
	test_deployments();
	test_bad_deployments();
	test_tokens_and_metrics();
	return tap_done();
}
