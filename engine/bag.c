/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bag.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/passfd.h"

#define QUEUE_BYTES (16 << 20) /* of kernel memory that the queue may take */

static bool make(struct bag *bag, struct error *err)
{
	const int bytes = QUEUE_BYTES;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket");
	bag->fd = ends[0];
	bag->in = ends[1];
	/* Only root may; for others the usual room holds some two hundred. */
	return setsockopt(bag->in, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) == 0 ||
	       setsockopt(bag->in, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0 ||
	       error_sys(err, "prepare a socket");
}

/* A letter is one byte, 0, and with it a descriptor. */
bool bag_put(struct bag *bag, int fd, struct error *err)
{
	autoclose int owned = fd;

	if (bag->fd < 0 && !make(bag, err))
		return false;
	if (bag->count >= BAG_MAX)
		return error_set(err, ERROR_INPUT, "more than %d descriptors for one container",
				 BAG_MAX);
	if (passfd_send(bag->in, "", 1, &owned, 1, MSG_DONTWAIT) != 1)
		return error_sys(err, "keep a descriptor for the container");
	bag->count++;
	return true;
}

bool bag_leave_way(struct bag *bag, struct error *err)
{
	if (bag->fd < 0 && !make(bag, err))
		return false;

	int way = fcntl(bag->in, F_DUPFD_CLOEXEC, 0);

	return way < 0 ? error_sys(err, "copy a descriptor") : bag_put(bag, way, err);
}

void bag_seal(struct bag *bag)
{
	mem_cleanup_close(&bag->in);
	bag->in = -1;
}

void bag_close(struct bag *bag)
{
	mem_cleanup_close(&bag->fd);
	mem_cleanup_close(&bag->in);
	*bag = BAG_EMPTY;
}

bool bag_is_sealed(const struct bag *bag)
{
	return bag->fd >= 0 && bag->in < 0;
}

/* The next letter's descriptor; it stays in the bag, too. -1 after the last. */
static int peek(int bag)
{
	char byte = 1;
	size_t count = 1;
	int fd;

	passfd_receive(bag, &byte, 1, &fd, &count, MSG_PEEK | MSG_DONTWAIT);
	if (count == 1 && byte == 0)
		return fd;
	mem_cleanup_close(&fd);
	return -1;
}

bool bag_is_one(int fd)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
		return false;

	autoclose int first = peek(fd);

	return first >= 0;
}

bool bag_find(const struct bag *bag, bool (*visit)(int fd, void *context), void *context)
{
	const int start = 0, off = -1;
	bool is_found = false;

	if (setsockopt(bag->fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) < 0)
		return false;
	for (size_t i = 0; i < BAG_MAX && !is_found; i++) {
		autoclose int fd = peek(bag->fd);

		if (fd < 0)
			break;
		is_found = visit(fd, context);
	}
	/* The socket is the monitor's, too. */
	return setsockopt(bag->fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) == 0 && is_found;
}

/* Nothing else of that kind is ever put in; what leads to the resolver is of packets. */
static bool take_way(int fd, void *context)
{
	struct bag *bag = context;
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
		return false;
	bag->in = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return bag->in >= 0;
}

bool bag_reopen(struct bag *bag)
{
	return bag->fd >= 0 && bag_find(bag, take_way, bag);
}

struct pouring {
	struct bag *bag;
	struct error *err;
};

static bool fails_to_pour(int fd, void *context)
{
	struct pouring *pouring = context;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return !error_sys(pouring->err, "copy a descriptor");
	return !bag_put(pouring->bag, copy, pouring->err);
}

bool bag_pour(struct bag *bag, const struct bag *from, struct error *err)
{
	struct pouring pouring = { bag, err };

	return from->fd < 0 || !bag_find(from, fails_to_pour, &pouring);
}

static bool count_one(int fd, void *count)
{
	(void)fd;
	++*(size_t *)count;
	return false;
}

/* The first letter is put in once more, at the end, before it is taken out; as often as there are
 * letters. */
bool bag_drop(struct bag *bag, bool (*is_unwanted)(int fd), struct error *err)
{
	size_t count = 0;

	bag->count = 0;
	if (bag_find(bag, count_one, &count))
		return false; /* it never is content */
	for (; count > 0; count--) {
		int fd = peek(bag->fd);
		size_t one = 1;
		char byte;

		if (fd < 0)
			return true;
		if (is_unwanted(fd))
			close(fd);
		else if (!bag_put(bag, fd, err))
			return false;
		passfd_receive(bag->fd, &byte, 1, &fd, &one, MSG_DONTWAIT);
		if (one == 1)
			mem_cleanup_close(&fd);
	}
	return true;
}
