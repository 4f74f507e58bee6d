/* SPDX-License-Identifier: Apache-2.0 */
#include "base/passfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tap.h"

static bool is_same_file(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino &&
	       one.st_dev == other.st_dev;
}

/* Receives the packet and closes what came with it: how many of them are the two files in turn; -1:
 * it is not the packet. */
static int count_received(int socket, const int files[2])
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(PASSFD_MAX * sizeof(int))];
	} control = { .room = { 0 } };
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fds[PASSFD_MAX];
	size_t count;
	int right = 0;

	if (recvmsg(socket, &message, 0) != 1 || byte != 'x' || message.msg_flags & MSG_CTRUNC)
		return -1;
	if (message.msg_controllen == 0)
		return 0;
	count = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(&control.header), count * sizeof(int));
	for (size_t i = 0; i < count; i++) {
		right += is_same_file(fds[i], files[i % 2]);
		close(fds[i]);
	}
	return right;
}

int main(void)
{
	int files[] = { open("/dev/null", O_RDONLY), open("/dev/zero", O_RDONLY) };
	int pair[2], fds[PASSFD_MAX];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || files[0] < 0 || files[1] < 0)
		return 1;
	for (size_t i = 0; i < PASSFD_MAX; i++)
		fds[i] = files[i % 2];
	for (size_t count = 0; count <= PASSFD_MAX; count += count < 3 ? 1 : PASSFD_MAX - 3) {
		check_int(passfd_send(pair[0], "x", 1, fds, count, 0), 1, "%zu are sent", count);
		check_int(count_received(pair[1], files), (long long)count, "%zu are received",
			  count);
	}
	while (passfd_send(pair[0], "x", 1, NULL, 0, MSG_DONTWAIT) == 1)
		;
	check(errno == EAGAIN, "the flags hold");
	close(pair[1]);
	/* The first failure is that what lay there was not read. */
	check(passfd_send(pair[0], "x", 1, fds, 1, 0) < 0 &&
		      passfd_send(pair[0], "x", 1, fds, 1, 0) < 0 && errno == EPIPE,
	      "where the other end is closed it fails, and kills nobody");
	close(pair[0]);
	close(files[0]);
	close(files[1]);
	return tap_done();
}
