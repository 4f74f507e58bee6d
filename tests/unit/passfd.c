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

/* Receives the packet with room for so many and closes what came with it: how many of them are the
 * two files in turn; -1: it is not the packet. `came` becomes what is said to have come. */
static int count_received(int socket, size_t room, const int files[2], size_t *came)
{
	int fds[PASSFD_MAX];
	char byte = 0;
	int right = 0;

	*came = room;
	if (passfd_receive(socket, &byte, 1, fds, came, 0) != 1 || byte != 'x')
		return -1;
	for (size_t i = 0; i < room; i++) {
		bool is_there = i < *came;

		right += is_there ? is_same_file(fds[i], files[i % 2]) : 0;
		if (is_there ? fcntl(fds[i], F_GETFD) != FD_CLOEXEC : fds[i] != -1)
			right = -1000;
		drop_fd(&fds[i]);
	}
	return right;
}

static size_t count_open(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void receive_more_than_room(int pair[2], const int *fds, const int files[2])
{
	const struct {
		size_t sent, room, right;
	} rows[] = { { 3, 2, 2 }, { 1, 0, 0 }, { PASSFD_MAX, 3, 3 }, { PASSFD_MAX, 0, 0 } };
	size_t before = count_open();

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t came;

		passfd_send(pair[0], "x", 1, fds, rows[i].sent, 0);
		check_int(count_received(pair[1], rows[i].room, files, &came),
			  (long long)rows[i].right, "of %zu, %zu have room", rows[i].sent,
			  rows[i].room);
		check(came > rows[i].room, "that more came is said");
		check_int((long long)count_open(), (long long)before, "and what came is closed");
	}
}

/* More than passfd_send would send, and than passfd_receive has room for at all. */
static void receive_a_flood(int pair[2], int fd)
{
	enum {
		FLOOD = PASSFD_MAX + 100
	};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FLOOD * sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(FLOOD * sizeof(int)) } };
	char byte = 'x';
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int all[FLOOD], got[PASSFD_MAX];
	size_t before = count_open(), count = PASSFD_MAX;

	for (size_t i = 0; i < FLOOD; i++)
		all[i] = fd;
	memcpy(CMSG_DATA(&control.header), all, sizeof(all));
	check_int(sendmsg(pair[0], &message, 0), 1, "a flood is sent");
	check_int(passfd_receive(pair[1], &byte, 1, got, &count, 0), 1, "and received");
	check(count > PASSFD_MAX, "that it is more than there was room for is said");
	for (size_t i = 0; i < PASSFD_MAX; i++)
		drop_fd(&got[i]);
	check_int((long long)count_open(), (long long)before, "none of it stays open");
}

static void receive_nothing(int pair[2])
{
	int fd = 5;
	size_t count = 1;
	char byte;

	check(passfd_receive(pair[1], &byte, 1, &fd, &count, MSG_DONTWAIT) < 0 && errno == EAGAIN,
	      "the flags hold");
	check(count == 0 && fd == -1, "a failure has no descriptors");
}

int main(void)
{
	int files[] = { open("/dev/null", O_RDONLY), open("/dev/zero", O_RDONLY) };
	int pair[2], fds[PASSFD_MAX];
	size_t came;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || files[0] < 0 || files[1] < 0)
		return 1;
	for (size_t i = 0; i < PASSFD_MAX; i++)
		fds[i] = files[i % 2];
	for (size_t count = 0; count <= PASSFD_MAX; count += count < 3 ? 1 : PASSFD_MAX - 3) {
		check_int(passfd_send(pair[0], "x", 1, fds, count, 0), 1, "%zu are sent", count);
		check_int(count_received(pair[1], PASSFD_MAX, files, &came), (long long)count,
			  "%zu are received", count);
		check_int((long long)came, (long long)count, "as many as were sent");
	}
	receive_more_than_room(pair, fds, files);
	receive_a_flood(pair, files[0]);
	receive_nothing(pair);
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
