/* SPDX-License-Identifier: Apache-2.0 */
#include "base/passfd.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(PASSFD_MAX * sizeof(int))];
};

ssize_t passfd_send(int socket, const void *data, size_t length, const int *fds, size_t count,
		    int flags)
{
	union control control = { .room = { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	assert(count <= PASSFD_MAX);
	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent;
}

/* One message has them all in one part (unix_detach_fds in the kernel), yet none is lost if not. */
static size_t take(struct msghdr *message, int *fds, size_t room)
{
	size_t count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		size_t sent = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < sent; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
			if (count < room)
				fds[count] = fd;
			else
				close(fd);
		}
	}
	return count;
}

ssize_t passfd_receive(int socket, void *data, size_t length, int *fds, size_t *count, int flags)
{
	union control control;
	struct iovec part = { .iov_base = data, .iov_len = length };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	size_t room = *count;
	ssize_t got;

	assert(room <= PASSFD_MAX);
	for (size_t i = 0; i < room; i++)
		fds[i] = -1;
	do {
		got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	*count = got < 0 ? 0 : take(&message, fds, room);
	if (got >= 0 && message.msg_flags & MSG_CTRUNC) /* the kernel has closed some itself */
		*count = (*count > room ? *count : room) + 1;
	return got;
}
