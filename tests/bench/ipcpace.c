/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast local publish/subscribe is: 1 KiB messages from one client through the IPC server to
 * another, and the same bytes through a process that only copies them from one Unix socket to the
 * next. Prints one line: messages per second of both, and how many times longer ours takes.
 *
 *     ipcpace [MESSAGES]
 *
 * At most AHEAD messages are on their way, so nothing is dropped; the publisher's messages are made
 * beforehand, and what comes back to him is thrown away.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lifecycle/ipc/core.h"
#include "tests/ipc/memhost.h"

#define AHEAD 128
#define ACCESS                                                                                     \
	"{\"accessControl\":{\"aws.greengrass.ipc.pubsub\":{\"p\":{\"operations\":[\"*\"],"        \
	"\"resources\":[\"*\"]}}}}"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* -- messages -----------------------------------------------------------------------------------
 */

static void add_message(struct buf *buf, int type, int stream, const char *operation,
			const char *payload)
{
	struct eventstream_writer writer;

	eventstream_begin(&writer, buf);
	eventstream_add_int(&writer, ":message-type", type);
	eventstream_add_int(&writer, ":message-flags", 0);
	eventstream_add_int(&writer, ":stream-id", stream);
	if (type == RPC_CONNECT)
		eventstream_add_text(&writer, ":version", "0.1.0");
	if (operation)
		eventstream_add_text(&writer, "operation", operation);
	eventstream_end(&writer, payload, strlen(payload));
}

static void write_all(int fd, const char *bytes, size_t count)
{
	while (count) {
		ssize_t written = write(fd, bytes, count);

		if (written < 0)
			die("write");
		bytes += written;
		count -= (size_t)written;
	}
}

static void say_hello(int fd, const char *token)
{
	autobuf struct buf hello;
	char payload[64], ack[256];

	buf_init(&hello, 4096);
	snprintf(payload, sizeof(payload), "{\"authToken\":\"%s\"}", token);
	add_message(&hello, RPC_CONNECT, 0, NULL, payload);
	write_all(fd, hello.data, hello.length);
	if (read(fd, ack, sizeof(ack)) <= 0)
		die("connect");
}

/* -- the ends -----------------------------------------------------------------------------------
 */

/* Writes message after message, never more than AHEAD beyond what has arrived. */
static void publish(int fd, const struct buf *messages, int count, atomic_int *arrived)
{
	size_t size = messages->length / (size_t)count;
	static char waste[65536];

	for (int i = 0; i < count; i++) {
		while (i - atomic_load(arrived) >= AHEAD)
			sched_yield();
		write_all(fd, messages->data + (size_t)i * size, size);
		while (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) > 0)
			;
	}
	/* The answers that are still coming would kill the connection if nobody was there. */
	while (atomic_load(arrived) < count)
		sched_yield();
}

static void receive(int fd, size_t size, int count, atomic_int *arrived)
{
	static char bytes[65536];
	size_t total = 0;

	while (total < size * (size_t)count) {
		ssize_t got = read(fd, bytes, sizeof(bytes));

		if (got <= 0)
			die("receive");
		total += (size_t)got;
		atomic_store(arrived, (int)(total / size));
	}
}

static double run(int from, int to, const struct buf *messages, int count, size_t event_size)
{
	atomic_int *arrived = mmap(NULL, sizeof(*arrived), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin;
	pid_t publisher;

	if (arrived == MAP_FAILED)
		die("mmap");
	begin = now();
	publisher = fork();
	if (publisher == 0) {
		publish(from, messages, count, arrived);
		_exit(0);
	}
	receive(to, event_size, count, arrived);
	waitpid(publisher, NULL, 0);
	return now() - begin;
}

/* -- between them -------------------------------------------------------------------------------
 */

static void relay(int in, int out)
{
	static char bytes[65536];
	ssize_t count;

	while ((count = read(in, bytes, sizeof(bytes))) > 0)
		write_all(out, bytes, (size_t)count);
	_exit(0);
}

static void serve(int a, int b, const struct tokens *tokens)
{
	struct loop loop = { 0 };
	struct memhost host;
	struct ipc_server *server;
	struct error err;
	struct ipc_options options = { .loop = &loop,
				       .host = &host.host,
				       .tokens = (struct tokens *)(uintptr_t)tokens };

	memhost_init(&host);
	if (!memhost_add(&host, "a", ACCESS) || !memhost_add(&host, "b", ACCESS) ||
	    !ipc_server_open(&server, &options, &err))
		_exit(1);
	fcntl(a, F_SETFL, O_NONBLOCK);
	fcntl(b, F_SETFL, O_NONBLOCK);
	server_adopt(server, a);
	server_adopt(server, b);
	while (server->connection_count && loop_step(&loop, &err))
		;
	_exit(0);
}

static double measure_relay(const struct buf *messages, int count)
{
	int in[2], out[2];
	pid_t child;
	double seconds;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, in) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, out) < 0)
		die("socketpair");
	child = fork();
	if (child == 0) {
		close(in[0]);
		relay(in[1], out[1]);
	}
	seconds = run(in[0], out[0], messages, count, messages->length / (size_t)count);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	return seconds;
}

static double measure_ipc(const struct buf *messages, int count)
{
	struct tokens tokens = { 0 };
	const struct token *a = NULL, *b = NULL;
	autobuf struct buf subscribe;
	static char answer[65536];
	int in[2], out[2];
	struct error err;
	pid_t child;
	ssize_t size;
	double seconds;

	buf_init(&subscribe, 4096);
	if (!tokens_issue(&tokens, "a", TOKEN_COMPONENT, &a, &err) ||
	    !tokens_issue(&tokens, "b", TOKEN_COMPONENT, &b, &err) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, in) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, out) < 0)
		die("setup");
	child = fork();
	if (child == 0) {
		close(in[0]);
		close(out[0]);
		serve(in[1], out[1], &tokens);
	}
	close(in[1]);
	close(out[1]);
	say_hello(in[0], a->text);
	say_hello(out[0], b->text);
	add_message(&subscribe, RPC_MESSAGE, 1, "aws.greengrass#SubscribeToTopic",
		    "{\"topic\":\"pace/one\"}");
	write_all(out[0], subscribe.data, subscribe.length);
	if (read(out[0], answer, sizeof(answer)) <= 0)
		die("subscribe");
	/* How large an event is, the first message tells. */
	write_all(in[0], messages->data, messages->length / (size_t)count);
	size = read(out[0], answer, sizeof(answer));

	const struct buf rest = { .data = messages->data + messages->length / (size_t)count,
				  .length = messages->length - messages->length / (size_t)count };

	seconds = run(in[0], out[0], &rest, count - 1, (size_t)size);
	close(in[0]);
	close(out[0]);
	waitpid(child, NULL, 0);
	tokens_done(&tokens);
	return seconds;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 40000;
	struct buf messages;
	char text[1025], payload[1200];
	double ours, plain;

	memset(text, 'x', 1024);
	text[1024] = '\0';
	snprintf(payload, sizeof(payload),
		 "{\"topic\":\"pace/"
		 "one\",\"publishMessage\":{\"jsonMessage\":{\"message\":\"%s\"}}}",
		 text);
	buf_init(&messages, SIZE_MAX / 2);
	for (int i = 1; i <= count; i++)
		add_message(&messages, RPC_MESSAGE, i, "aws.greengrass#PublishToTopic", payload);
	ours = measure_ipc(&messages, count);
	plain = measure_relay(&messages, count);
	printf("%.0f messages/s through IPC, %.0f through a plain relay: %.2f times as long\n",
	       count / ours, count / plain, ours / plain);
	buf_done(&messages);
	return 0;
}
