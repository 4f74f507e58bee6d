/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/outqueue.h"

#include <sys/socket.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

/* Messages here are 1024 bytes: their stream's letter, a number, filling. */
static void add(struct outqueue *queue, int stream, int number)
{
	char message[1024];

	memset(message, '.', sizeof(message));
	snprintf(message, sizeof(message), "%c%d", stream ? 'a' + stream - 1 : '!', number);
	buf_add(&queue->bytes, message, sizeof(message));
	outqueue_note(queue, stream);
}

/* What the other end reads, as a text of the messages' beginnings. */
static void read_all(struct outqueue *queue, int ends[2], struct buf *text)
{
	static char bytes[OUTQUEUE_MAX];
	size_t length = 0;
	bool is_moving = true;
	struct error err;

	for (int i = 0; i < 100000; i++) {
		ssize_t count;

		if (!outqueue_flush(queue, ends[0], &is_moving, &err))
			check(false, "flush: %s", err.text);
		while ((count = recv(ends[1], bytes + length, sizeof(bytes) - length,
				     MSG_DONTWAIT)) > 0)
			length += (size_t)count;
		if (!outqueue_waiting(queue) && !is_moving)
			break;
	}
	check_int((long long)(length % 1024), 0, "only whole messages");
	for (size_t at = 0; at + 1024 <= length; at += 1024)
		buf_printf(text, "%s ", bytes + at);
}

static void open_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		check(false, "socketpair");
}

static void test_order(void)
{
	struct outqueue queue;
	autobuf struct buf text;
	int ends[2];

	open_pair(ends);
	outqueue_init(&queue);
	buf_init(&text, 65536);
	add(&queue, 0, 1);
	add(&queue, 1, 1);
	add(&queue, 2, 1);
	add(&queue, 1, 2);
	read_all(&queue, ends, &text);
	check_text(text.data, "!1 a1 b1 a2 ", "all in order");
	buf_clear(&text);
	add(&queue, 1, 3);
	add(&queue, 0, 2);
	add(&queue, 2, 2);
	outqueue_forget(&queue, 1);
	read_all(&queue, ends, &text);
	check_text(text.data, "!2 b2 ", "a stream that has ended is forgotten");
	check_int((long long)queue.bytes.capacity <= 4096, 1, "an empty queue keeps little");
	outqueue_done(&queue);
	close(ends[0]);
	close(ends[1]);
}

static void test_full(void)
{
	struct outqueue queue;
	autobuf struct buf text;
	size_t dropped = 0;
	int ends[2];

	open_pair(ends);
	outqueue_init(&queue);
	buf_init(&text, 65536);
	add(&queue, 0, 1);
	add(&queue, 2, 1);
	for (int i = 0; i < 1000; i++) {
		dropped += outqueue_make_room(&queue, 1);
		add(&queue, 1, i);
		if (outqueue_waiting(&queue) > OUTQUEUE_EVENTS_MAX + 1024)
			check(false, "the limit holds");
	}
	add(&queue, 0, 2);
	check(dropped > 700 && dropped < 1000, "old events had to go: %zu", dropped);
	read_all(&queue, ends, &text);
	check(strncmp(text.data, "!1 b1 a", 7) == 0, "answers and other streams' events stay");
	check(strstr(text.data, "a999 !2 ") != NULL, "and the newest of the stream itself");
	outqueue_done(&queue);
	close(ends[0]);
	close(ends[1]);
}

/* A message of which the other end has a part is not touched. */
static void test_begun(void)
{
	struct outqueue queue;
	autobuf struct buf text;
	bool is_moving;
	struct error err;
	int ends[2];

	open_pair(ends);
	outqueue_init(&queue);
	buf_init(&text, 65536);
	for (int i = 0; i < 1000; i++) {
		outqueue_make_room(&queue, 1 + i % 2);
		add(&queue, 1 + i % 2, i);
		if (i % 100 == 0 && !outqueue_flush(&queue, ends[0], &is_moving, &err))
			check(false, "flush: %s", err.text);
	}
	outqueue_forget(&queue, 1);
	outqueue_forget(&queue, 2);
	check(outqueue_waiting(&queue) <= 1024, "at most what was begun is left");
	add(&queue, 0, 7);
	read_all(&queue, ends, &text);
	check(strncmp(text.data, "a0 ", 3) == 0 && strstr(text.data, "!7 "), "whole to the end");
	close(ends[1]);
	add(&queue, 0, 8);
	check_error(outqueue_flush(&queue, ends[0], &is_moving, &err), &err, ERROR_SYSTEM, "client",
		    "the other end is gone");
	outqueue_done(&queue);
	close(ends[0]);
}

int main(void)
{
	test_order();
	test_full();
	test_begun();
	return tap_done();
}
