/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/flow.h"

/* O_NONBLOCK belongs to the open file, which the client may share with others. */
static void aim(struct relay_client *client, int fd)
{
	int again = flow_open_again(fd, &client->is_ready);

	client->to = again >= 0 ? again : fd;
	if (again >= 0)
		close(fd);
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
	aim(new, to);
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

static bool has_room(const struct relay_client *client)
{
	struct pollfd room = { client->to, POLLOUT, 0 };

	return client->is_ready || poll(&room, 1, 0) == 1;
}

/* Writes what one client takes without waiting. */
static void push_to(struct relay *relay, int number)
{
	struct relay_client *client = &relay->clients[number];

	while (client->to >= 0 && client->done < relay->length) {
		size_t left = relay->length - client->done;
		size_t most = client->is_ready || left < PIPE_BUF ? left : PIPE_BUF;

		if (!has_room(client))
			return;
		ssize_t count = write(client->to, relay->buffer + client->done, most);

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

void relay_dismiss(struct relay *relay)
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
		relay_dismiss(relay); /* the end of the stream is theirs, too */
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
