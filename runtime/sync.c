/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/passfd.h"

/* What goes over the wire: without the error where there is none. */
#define SHORT_SIZE offsetof(struct sync_message, error)

bool sync_open(int ends[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket pair");
	return true;
}

static size_t size_of(const struct sync_message *message)
{
	return message->step == SYNC_FAILED ? sizeof(*message) : SHORT_SIZE;
}

bool sync_send(int end, const struct sync_message *message, struct error *err)
{
	if (passfd_send(end, message, size_of(message), message->fds, message->fd_count, 0) < 0)
		return error_sys(err, "send a message between runtime and init");
	return true;
}

bool sync_report(int end, const struct sync_message *message, struct error *err)
{
	if (write(end, message, size_of(message)) < 0)
		return error_sys(err, "report to the runtime");
	return true;
}

bool sync_await(int end, enum sync_step step, struct error *err)
{
	struct sync_message message;
	ssize_t got;

	do {
		got = read(end, &message, sizeof(message));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_sys(err, "wait for the runtime");
	if ((size_t)got < SHORT_SIZE || message.step != step)
		return error_set(err, ERROR_CORRUPT, "the runtime is gone");
	return true;
}

bool sync_receive(int end, struct sync_message *message, struct error *err)
{
	int fds[SYNC_FDS_MAX];
	size_t fd_count;
	ssize_t got;

	/* A peer that ends with a message of ours unread resets the connection. That is told once,
	 * and before what the peer had still sent, which is what we want to know. */
	do {
		fd_count = COUNT_OF(fds);
		got = passfd_receive(end, message, sizeof(*message), fds, &fd_count, MSG_TRUNC);
	} while (got < 0 && errno == ECONNRESET);
	if (got == 0) {
		message->step = SYNC_CLOSED;
		return true;
	}
	if (got < 0)
		return error_sys(err, "receive a message between runtime and init");
	message->fd_count = fd_count < COUNT_OF(fds) ? fd_count : COUNT_OF(fds);
	memcpy(message->fds, fds, message->fd_count * sizeof(int));
	if ((size_t)got < SHORT_SIZE || (size_t)got > sizeof(*message) || fd_count > COUNT_OF(fds))
		return error_set(err, ERROR_CORRUPT, "cut message between runtime and init");
	return true;
}

bool sync_expect(int end, enum sync_step step, struct sync_message *message, struct error *err)
{
	if (!sync_receive(end, message, err))
		return false;
	if (message->step == step)
		return true;
	if (message->step == SYNC_FAILED) {
		*err = message->error;
		return false;
	}
	if (message->step == SYNC_CLOSED)
		return error_set(err, ERROR_SYSTEM, "the other side is gone");
	return error_set(err, ERROR_CORRUPT, "unexpected message between runtime and init");
}

/* -- turns ------------------------------------------------------------------------------------- */

bool sync_turn_open(int turn[2], struct error *err)
{
	if (pipe2(turn, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	return true;
}

void sync_turn_wait(const int turn[2])
{
	char nothing;

	close(turn[1]);
	while (read(turn[0], &nothing, 1) < 0 && errno == EINTR)
		;
	close(turn[0]);
}
