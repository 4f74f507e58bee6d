/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client sends after CONNECT. Each line of the input is a message: "TYPE FLAGS STREAM
 * OPERATION PAYLOAD"; a line that begins with '=' is bytes as they are. Whatever comes, the server
 * answers or closes, forgets the client when it goes, and serves the next one.
 */
#include "lifecycle/ipc/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lifecycle/ipc/core.h"
#include "tests/ipc/memhost.h"

#define CONFIGURATION                                                                              \
	"{\"a\":{\"b\":1},\"accessControl\":{"                                                     \
	"\"aws.greengrass.ipc.pubsub\":{\"p\":{\"operations\":[\"*\"],\"resources\":[\"*\"]}},"    \
	"\"aws.greengrass.ipc.lifecycle\":{\"p\":{\"operations\":[\"*\"],\"resources\":[\"*\"]}}," \
	"\"aws.greengrass.Cli\":{\"p\":{\"operations\":[\"*\"],\"resources\":[\"*\"]}}}}"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct bench {
	struct loop loop;
	struct memhost host;
	struct tokens tokens;
	struct ipc_server *server;
	int fd;
};

static void on_expiry(struct loop_timer *timer)
{
	(void)timer;
}

static void turn(struct bench *bench)
{
	char bytes[65536];

	for (int i = 0; i < 3; i++) {
		struct loop_timer timer = { .on_expiry = on_expiry };
		struct error err;
		bool is_good;

		loop_arm(&bench->loop, &timer, 0);
		is_good = loop_step(&bench->loop, &err);
		assert(is_good);
		loop_disarm(&bench->loop, &timer);
	}
	while (recv(bench->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void send_bytes(struct bench *bench, const char *bytes, size_t length)
{
	if (send(bench->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* it has hung up */
	turn(bench);
}

static void send_message(struct bench *bench, int type, int flags, int stream,
			 const char *operation, const char *payload, size_t length)
{
	struct eventstream_writer writer;
	autobuf struct buf bytes;

	buf_init(&bytes, 1 << 20);
	eventstream_begin(&writer, &bytes);
	eventstream_add_int(&writer, ":message-type", type);
	eventstream_add_int(&writer, ":message-flags", flags);
	eventstream_add_int(&writer, ":stream-id", stream);
	if (type == RPC_CONNECT)
		eventstream_add_text(&writer, ":version", "0.1.0");
	if (operation)
		eventstream_add_text(&writer, "operation", operation);
	eventstream_end(&writer, payload, length);
	send_bytes(bench, bytes.data, bytes.length);
}

static void send_line(struct bench *bench, const char *line, size_t length)
{
	char operation[128] = "", name[160];
	int type = 0, flags = 0, stream = 0, used = 0;
	autofree char *text = mem_printf("%.*s", (int)length, line);

	if (*text == '=') {
		send_bytes(bench, line + 1, length - 1);
		return;
	}
	if (sscanf(text, "%d %d %d %100s %n", &type, &flags, &stream, operation, &used) < 4)
		return;
	snprintf(name, sizeof(name), "aws.greengrass#%s", operation);
	if (used == 0 || (size_t)used > strlen(text))
		used = (int)strlen(text);
	send_message(bench, type, flags, stream, strcmp(operation, "-") ? name : NULL, text + used,
		     strlen(text + used));
}

static void open_bench(struct bench *bench)
{
	const struct token *token = NULL;
	struct error err;
	char payload[64];
	int ends[2];
	bool is_good;

	memhost_init(&bench->host);
	is_good = memhost_add(&bench->host, "com.example.A", CONFIGURATION) &&
		  tokens_issue(&bench->tokens, "com.example.A", TOKEN_COMPONENT, &token, &err);
	assert(is_good);

	struct ipc_options options = { .loop = &bench->loop,
				       .host = &bench->host.host,
				       .tokens = &bench->tokens };

	is_good = ipc_server_open(&bench->server, &options, &err) &&
		  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
	assert(is_good);
	bench->host.server = bench->server;
	bench->fd = ends[0];
	server_adopt(bench->server, ends[1]);
	snprintf(payload, sizeof(payload), "{\"authToken\":\"%s\"}", token->text);
	send_message(bench, RPC_CONNECT, 0, 0, NULL, payload, strlen(payload));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct bench bench = { 0 };
	const char *at = (const char *)data, *end = at + size;

	open_bench(&bench);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		send_line(&bench, at, (size_t)(stop - at));
		at = stop + 1;
	}
	close(bench.fd);
	bench.fd = -1;
	turn(&bench);
	assert(bench.server->connection_count == 0 && !bench.server->topics.root);
	ipc_server_close(bench.server);
	memhost_done(&bench.host);
	tokens_done(&bench.tokens);
	assert(bench.loop.count == 0);
	loop_done(&bench.loop);
	return 0;
}
