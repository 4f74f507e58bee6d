/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/execstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/*
 * Our ends of the pipes do not block. The caller's descriptors may be shared with others, whom
 * O_NONBLOCK would hit, too: they are asked before each write, and get no more than what a pipe
 * that has room takes at once.
 */

#define STDIN  0
#define STDOUT 1
#define STDERR 2

void execstreams_init(struct execstreams *streams)
{
	*streams = (struct execstreams){ .callers = { -1, -1, -1 } };
	for (int i = 0; i < 3; i++)
		streams->streams[i] = (struct execstream){ .from = -1, .to = -1 };
}

/* -- before and after the start ------------------------------------------------------------------
 */

/* The program's end goes to `fd`, ours to *ours. */
static bool put_pipe(int fd, int *ours, struct error *err)
{
	int ends[2];
	int theirs = fd == STDIN ? 0 : 1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe for the program");
	*ours = ends[1 - theirs];
	bool is_put = dup2(ends[theirs], fd) == fd && fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;

	close(ends[theirs]);
	return is_put || error_sys(err, "give the program a pipe");
}

/* Where the program's output goes, without waiting; `fd` stands for it until then. */
static void find_place(struct execstream *stream, int fd, int callers)
{
	autofree char *path = mem_printf("/proc/self/fd/%d", callers);
	struct stat info;

	stream->to = fd; /* once it is the caller's again */
	if (fstat(callers, &info) < 0)
		return;
	stream->is_to_file = S_ISREG(info.st_mode);
	if (!S_ISFIFO(info.st_mode))
		return;
	int again = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (again >= 0)
		stream->to = again;
}

static bool open_stream(struct execstreams *streams, int fd, struct error *err)
{
	struct execstream *stream = &streams->streams[fd];

	if (!put_pipe(fd, fd == STDIN ? &stream->to : &stream->from, err))
		return false;
	if (fd == STDIN)
		stream->from = fd;
	else
		find_place(stream, fd, streams->callers[fd]);
	stream->buffer = mem_alloc(EXECSTREAMS_BUFFER);
	return true;
}

bool execstreams_open(struct execstreams *streams, bool is_deaf, struct error *err)
{
	for (int fd = is_deaf ? STDOUT : STDIN; fd <= STDERR; fd++) {
		streams->callers[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (streams->callers[fd] < 0)
			return error_sys(err, "keep descriptor %d", fd);
		if (!open_stream(streams, fd, err))
			return false;
	}
	return true;
}

void execstreams_restore(struct execstreams *streams)
{
	for (int fd = 0; fd < 3; fd++) {
		if (streams->callers[fd] >= 0)
			dup2(streams->callers[fd], fd);
		mem_cleanup_close(&streams->callers[fd]);
		streams->callers[fd] = -1;
	}
}

/* -- copying --------------------------------------------------------------------------------------
 */

/* The caller's descriptors stay open: they are his. */
static void end(int *fd)
{
	if (*fd > STDERR)
		close(*fd);
	*fd = -1;
}

static void end_stream(struct execstream *stream)
{
	end(&stream->from);
	end(&stream->to);
	stream->length = 0;
	stream->owed = 0;
}

static bool is_over(const struct execstream *stream)
{
	return stream->from < 0 && stream->length == 0;
}

static void fill(struct execstream *stream)
{
	ssize_t count = read(stream->from, stream->buffer, EXECSTREAMS_BUFFER);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count <= 0) {
		end_stream(stream);
		return;
	}
	stream->start = 0;
	stream->length = (size_t)count;
	stream->owed -= stream->owed < stream->length ? stream->owed : stream->length;
}

/* Where nobody takes it any more, nothing more is read either: the program notices. */
static void empty(struct execstream *stream)
{
	bool can_wait = stream->to <= STDERR && !stream->is_to_file;
	size_t most = can_wait && stream->length > PIPE_BUF ? PIPE_BUF : stream->length;
	ssize_t count = write(stream->to, stream->buffer + stream->start, most);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count < 0) {
		end_stream(stream);
		return;
	}
	stream->start += (size_t)count;
	stream->length -= (size_t)count;
}

/* What is owed is read in any case, more only while there is time. */
static struct pollfd wish(const struct execstream *stream, bool is_late)
{
	if (stream->length > 0)
		return (struct pollfd){ stream->to, POLLOUT, 0 };
	return (struct pollfd){ is_late && stream->owed == 0 ? -1 : stream->from, POLLIN, 0 };
}

static void move(struct execstream *stream)
{
	if (stream->length == 0)
		fill(stream);
	if (stream->length > 0 && (stream->is_to_file || stream->to > STDERR))
		empty(stream); /* without asking */
}

/* *is_told_to_end: by a signal that nobody else can get any more. */
static bool take_signal(int signals, const struct foreground *child, bool has_ended,
			bool *is_told_to_end, struct error *err)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return error_sys(err, "read a signal");
	int signal = (int)info.ssi_signo;

	if (signal == SIGPIPE) /* ours: where nobody reads any more empty() sees it */
		return true;
	*is_told_to_end = has_ended && (signal == SIGHUP || signal == SIGINT || signal == SIGQUIT ||
					signal == SIGTERM);
	return foreground_take_signal(child, signal, err);
}

/* What is in the pipes by then the program has said; what comes later, those that it left. */
static void count_owed(struct execstream *stream)
{
	int count;

	if (stream->from >= 0 && ioctl(stream->from, FIONREAD, &count) == 0)
		stream->owed = (size_t)count;
}

/* What is open still belongs to something that the program left running. */
static bool leave(const struct execstreams *streams, struct error *err)
{
	const struct execstream *out = &streams->streams[STDOUT];
	const struct execstream *errors = &streams->streams[STDERR];

	if (is_over(out) && is_over(errors))
		return true;
	return foreground_drain(out->from, errors->from, err);
}

/* How long to wait for more: for ever, until the program has ended. */
static int patience(const struct execstreams *streams, int64_t deadline)
{
	int64_t left = deadline - clock_ms();

	for (int i = STDOUT; i <= STDERR; i++)
		if (streams->streams[i].length > 0 || streams->streams[i].owed > 0)
			return -1; /* nothing that was said is lost */
	return deadline == 0 ? -1 : left > 0 ? (int)left : 0;
}

static bool copy(struct execstreams *streams, const struct foreground *child, int signals,
		 struct error *err)
{
	struct execstream *all = streams->streams;
	int64_t deadline = 0;
	bool is_told_to_end = false;

	while (deadline == 0 || !is_over(&all[STDOUT]) || !is_over(&all[STDERR])) {
		int left = patience(streams, deadline);
		bool is_late = deadline != 0 && clock_ms() >= deadline;
		struct pollfd fds[] = { wish(&all[STDIN], false),
					wish(&all[STDOUT], is_late),
					wish(&all[STDERR], is_late),
					{ signals, POLLIN, 0 },
					{ deadline ? -1 : child->pidfd, POLLIN, 0 } };

		if (left == 0 || is_told_to_end)
			return true;
		if (poll(fds, COUNT_OF(fds), left) < 0 && errno != EINTR)
			return error_sys(err, "wait for the program");
		for (int i = STDIN; i <= STDERR; i++) {
			if (fds[i].revents && all[i].length > 0)
				empty(&all[i]);
			else if (fds[i].revents)
				move(&all[i]);
		}
		if (fds[3].revents &&
		    !take_signal(signals, child, deadline != 0, &is_told_to_end, err))
			return false;
		if (fds[4].revents) {
			deadline = clock_ms() + EXECSTREAMS_SECONDS * 1000;
			end_stream(&all[STDIN]);
			count_owed(&all[STDOUT]);
			count_owed(&all[STDERR]);
		}
	}
	return true;
}

bool execstreams_run(struct execstreams *streams, const struct foreground *child, struct error *err)
{
	sigset_t every;

	sigfillset(&every);
	autoclose int signals = signalfd(-1, &every, SFD_CLOEXEC);

	if (signals < 0)
		return error_sys(err, "open a signal descriptor");
	return copy(streams, child, signals, err) && leave(streams, err);
}

void execstreams_done(struct execstreams *streams)
{
	execstreams_restore(streams);
	for (int i = 0; i < 3; i++) {
		end_stream(&streams->streams[i]);
		free(streams->streams[i].buffer);
		streams->streams[i].buffer = NULL;
	}
}
