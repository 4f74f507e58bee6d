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

bool relay_open(struct relay *relay, enum jsonlog_stream stream, struct jsonlog *log, int to,
		int *container_end, struct error *err)
{
	int ends[2];

	*relay = (struct relay){ .from = -1, .to = to, .stream = stream, .log = log };
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
	if (to >= 0)
		relay->to = open_again(to);
	return true;
}

void relay_read_from(struct relay *relay, int fd)
{
	close(relay->from);
	relay->from = fd;
}

void relay_close(struct relay *relay)
{
	mem_cleanup_close(&relay->from);
	mem_cleanup_close(&relay->to);
	if (relay->buffer)
		munmap(relay->buffer, RELAY_BUFFER);
	*relay = (struct relay){ .from = -1, .to = -1 };
}

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time;
}

void relay_forget_client(struct relay *relay)
{
	mem_cleanup_close(&relay->to);
	relay->to = -1;
	relay->length = 0;
}

/* Writes what the client takes without waiting. */
static void push(struct relay *relay)
{
	while (relay->to >= 0 && relay->length > 0) {
		ssize_t count = write(relay->to, relay->buffer + relay->start, relay->length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			return;
		if (count <= 0) {
			relay_forget_client(relay);
			return;
		}
		relay->start += (size_t)count;
		relay->length -= (size_t)count;
	}
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
	relay->start = 0;
	relay->length = relay->to >= 0 ? (size_t)count : 0;
	return true;
}

void relay_move(struct relay *relay)
{
	push(relay);
	if (relay->length == 0 && relay->from >= 0 && pull(relay))
		push(relay);
	if (relay->length == 0 && relay->from < 0 && relay->to >= 0)
		relay_forget_client(relay); /* the end of the stream is the client's end too */
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
	return relay->from < 0 && relay->to < 0;
}

int relay_poll(const struct relay *relay, short *events)
{
	if (relay->length > 0) {
		*events = POLLOUT;
		return relay->to;
	}
	*events = POLLIN;
	return relay->from;
}

void relay_rest(struct relay *relay)
{
	if (relay->buffer && relay->length == 0)
		madvise(relay->buffer, RELAY_BUFFER, MADV_DONTNEED);
}
