/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"

#define STDERR        2
#define BACKGROUND_MS 250 /* no poll waits for a terminal's foreground */

/* A terminal of which another end is made each time it is opened. */
static bool is_multiplexer(const struct stat *info)
{
	return info->st_rdev == makedev(TTYAUX_MAJOR, 2);
}

static bool can_be_opened_again(int fd, const struct stat *info)
{
	return S_ISFIFO(info->st_mode) ||
	       (S_ISCHR(info->st_mode) && isatty(fd) && !is_multiplexer(info));
}

int flow_open_again(int fd, bool *is_ready)
{
	char path[PATH_OF_FD_MAX];
	struct stat info;
	int again = -1;

	*is_ready = false;
	if (fstat(fd, &info) < 0)
		return -1;
	if (can_be_opened_again(fd, &info))
		again = open(path_of_fd(fd, path), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	*is_ready = again >= 0 || S_ISREG(info.st_mode);
	return again;
}

void flow_aim(struct flow *flow, int opened, int fd)
{
	int again = flow_open_again(opened, &flow->is_to_ready);

	flow->to = again >= 0 ? again : fd;
}

static void end(int *fd)
{
	if (*fd > STDERR)
		close(*fd);
	*fd = -1;
}

void flow_end(struct flow *flow)
{
	end(&flow->from);
	end(&flow->to);
	flow->length = 0;
}

bool flow_is_over(const struct flow *flow)
{
	return flow->from < 0 && flow->length == 0;
}

/* With its signal blocked the kernel fails what else would stop us. */
static bool is_in_background(int terminal)
{
	int reason = errno;
	pid_t front = reason == EIO ? tcgetpgrp(terminal) : -1;

	errno = reason;
	return front > 0 && front != getpgrp();
}

void flow_fill(struct flow *flow)
{
	ssize_t count = read(flow->from, flow->buffer, flow->size);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count < 0 && flow->from <= STDERR && is_in_background(flow->from)) {
		flow->rests_until = clock_ms() + BACKGROUND_MS;
		return;
	}
	if (count <= 0) { /* a terminal whose other end is closed: EIO */
		flow_end(flow);
		return;
	}
	flow->start = 0;
	flow->length = (size_t)count;
	flow->got += (uint64_t)count;
}

/* Where nobody takes it any more, nothing more is read either: who writes it notices. */
void flow_empty(struct flow *flow)
{
	size_t most = !flow->is_to_ready && flow->length > PIPE_BUF ? PIPE_BUF : flow->length;
	ssize_t count = write(flow->to, flow->buffer + flow->start, most);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count < 0) {
		flow->is_refused = true;
		flow_end(flow);
		return;
	}
	flow->start += (size_t)count;
	flow->length -= (size_t)count;
}

void flow_move(struct flow *flow)
{
	if (flow->length > 0) {
		flow_empty(flow);
		return;
	}
	flow_fill(flow);
	if (flow->length > 0 && flow->is_to_ready)
		flow_empty(flow); /* without asking */
}

struct pollfd flow_wish(const struct flow *flow)
{
	if (flow->length > 0)
		return (struct pollfd){ flow->to, POLLOUT, 0 };
	return (struct pollfd){ flow_patience(flow) >= 0 ? -1 : flow->from, POLLIN, 0 };
}

int flow_patience(const struct flow *flow)
{
	int64_t left = flow->rests_until ? flow->rests_until - clock_ms() : 0;

	return left > 0 ? (int)left : -1;
}
