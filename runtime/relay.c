/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* The client's pipe, opened once more: O_NONBLOCK belongs to the open file, which the client may
 * share with others. Where that is not possible, the descriptor as it is. */
static int open_again(int fd)
{
	char path[40];
	struct stat status;
	int again;

	if (fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode))
		return fd; /* a file or a terminal: the client's own choice, its own risk */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (again < 0) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		return fd;
	}
	close(fd);
	return again;
}

void relay_init(struct relay *relay)
{
	*relay = (struct relay){ .from = -1 };
	for (int i = 0; i < RELAY_CLIENTS; i++)
		relay->clients[i].to = -1;
}

bool relay_open(struct relay *relay, enum jsonlog_stream stream, struct jsonlog *log,
		int *container_end, struct error *err)
{
	int ends[2];

	relay_init(relay);
	relay->stream = stream;
	relay->log = log;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_sys(err, "make a pipe for the container's output");
	relay->from = ends[0];
	*container_end = ends[1];
	if (fcntl(relay->from, F_SETFL, O_NONBLOCK) != 0)
		return error_sys(err, "make a pipe for the container's output");
	relay->buffer = mmap(NULL, RELAY_BUFFER, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (relay->buffer == MAP_FAILED) {
		relay->buffer = NULL;
		return error_sys(err, "memory for the container's output");
	}
	return true;
}

void relay_add_client(struct relay *relay, int client, int to)
{
	struct relay_client *new = &relay->clients[client];

	relay_forget_client(relay, client);
	if (to < 0 || relay->from < 0) {
		mem_cleanup_close(&to);
		return;
	}
	new->to = open_again(to);
	new->done = relay->length; /* the log has what was before */
}

void relay_read_from(struct relay *relay, int fd)
{
	close(relay->from);
	relay->from = fd;
}

void relay_close(struct relay *relay)
{
	mem_cleanup_close(&relay->from);
	for (int i = 0; i < RELAY_CLIENTS; i++)
		mem_cleanup_close(&relay->clients[i].to);
	if (relay->buffer)
		munmap(relay->buffer, RELAY_BUFFER);
	relay_init(relay);
}

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time;
}

void relay_forget_client(struct relay *relay, int client)
{
	mem_cleanup_close(&relay->clients[client].to);
	relay->clients[client].to = -1;
}

/* Writes what one client takes without waiting. */
static void push_to(struct relay *relay, int number)
{
	struct relay_client *client = &relay->clients[number];

	while (client->to >= 0 && client->done < relay->length) {
		ssize_t count = write(client->to, relay->buffer + client->done,
				      relay->length - client->done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			return;
		if (count <= 0)
			relay_forget_client(relay, number);
		else
			client->done += (size_t)count;
	}
}

static bool is_waited_for(const struct relay *relay, const struct relay_client *client)
{
	return client->to >= 0 && client->done < relay->length;
}

static void push(struct relay *relay)
{
	bool is_waiting = false;

	for (int i = 0; i < RELAY_CLIENTS; i++) {
		push_to(relay, i);
		is_waiting |= is_waited_for(relay, &relay->clients[i]);
	}
	if (!is_waiting)
		relay->length = 0;
}

static void end(struct relay *relay)
{
	close(relay->from);
	relay->from = -1;
	jsonlog_end(relay->log, relay->stream, now());
}

/* Reads once. False: nothing there now, or never again. */
static bool pull(struct relay *relay)
{
	ssize_t count = read(relay->from, relay->buffer, RELAY_BUFFER);

	if (count < 0 && errno != EIO)
		return errno == EINTR;
	if (count <= 0) { /* EIO: a terminal that nobody has open any more */
		end(relay);
		return false;
	}
	jsonlog_add(relay->log, relay->stream, relay->buffer, (size_t)count, now());
	relay->length = (size_t)count;
	for (int i = 0; i < RELAY_CLIENTS; i++)
		relay->clients[i].done = 0;
	return true;
}

/* The end of the stream is the clients' end too. */
static void dismiss(struct relay *relay)
{
	for (int i = 0; i < RELAY_CLIENTS; i++)
		relay_forget_client(relay, i);
}

void relay_move(struct relay *relay)
{
	push(relay);
	if (relay->length == 0 && relay->from >= 0 && pull(relay))
		push(relay);
	if (relay->length == 0 && relay->from < 0)
		dismiss(relay);
}

void relay_finish(struct relay *relay)
{
	push(relay);
	while (relay->length == 0 && relay->from >= 0 && pull(relay))
		push(relay);
	if (relay->length == 0 && relay->from >= 0)
		end(relay);
	relay_move(relay);
}

bool relay_is_done(const struct relay *relay)
{
	bool has_client = false;

	for (int i = 0; i < RELAY_CLIENTS; i++)
		has_client |= relay->clients[i].to >= 0;
	return relay->from < 0 && !has_client;
}

/* All clients have to have taken the last output before there is more: any of them will do. */
int relay_poll(const struct relay *relay, short *events)
{
	*events = POLLOUT;
	for (int i = 0; relay->length > 0 && i < RELAY_CLIENTS; i++)
		if (is_waited_for(relay, &relay->clients[i]))
			return relay->clients[i].to;
	*events = POLLIN;
	return relay->from;
}

void relay_rest(struct relay *relay)
{
	if (relay->buffer && relay->length == 0)
		madvise(relay->buffer, RELAY_BUFFER, MADV_DONTNEED);
}
