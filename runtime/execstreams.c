/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/execstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "runtime/signame.h"

#define STDIN  0
#define STDOUT 1
#define STDERR 2

void execstreams_init(struct execstreams *streams)
{
	*streams = (struct execstreams){ .callers = { -1, -1, -1 } };
	for (int i = 0; i < 3; i++)
		streams->flows[i] =
			(struct flow){ .from = -1, .to = -1, .size = EXECSTREAMS_BUFFER };
}

/* -- before and after the start ------------------------------------------------------------------
 */

/* The program's end goes to `fd`, ours, which does not block, to *ours. */
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

static bool open_stream(struct execstreams *streams, int fd, struct error *err)
{
	struct flow *flow = &streams->flows[fd];

	if (!put_pipe(fd, fd == STDIN ? &flow->to : &flow->from, err))
		return false;
	if (fd == STDIN) {
		flow->from = fd;
		flow->is_to_ready = true;
	} else {
		flow_aim(flow, streams->callers[fd], fd);
	}
	flow->buffer = mem_alloc(EXECSTREAMS_BUFFER);
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

static bool is_owed(const struct execstreams *streams, int fd)
{
	const struct flow *flow = &streams->flows[fd];

	return flow->length > 0 || (flow->from >= 0 && flow->got < streams->owed[fd]);
}

/* *is_told_to_end: by a signal that nobody else can get any more. */
static bool take_signal(int signals, const struct foreground *child, bool has_ended,
			bool *is_told_to_end, struct error *err)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return error_sys(err, "read a signal");
	int signal = (int)info.ssi_signo;

	if (signal == SIGPIPE) /* ours: where nobody reads any more flow_empty sees it */
		return true;
	*is_told_to_end = has_ended && signame_asks_to_end(signal);
	return foreground_take_signal(child, signal, err);
}

/* What is in the pipe by now the program has said; what comes later, those that it left. */
static void count_owed(struct execstreams *streams, int fd)
{
	const struct flow *flow = &streams->flows[fd];
	int count;

	if (flow->from >= 0 && ioctl(flow->from, FIONREAD, &count) == 0)
		streams->owed[fd] = flow->got + (uint64_t)count;
}

/* At once: the container's end waits until all its processes are reaped, and who reads what we
 * write may take his time. */
static bool take_end(struct execstreams *streams, pid_t pid, int *status, struct error *err)
{
	if (!proc_reap(pid, status))
		return error_sys(err, "wait for the process");
	flow_end(&streams->flows[STDIN]);
	count_owed(streams, STDOUT);
	count_owed(streams, STDERR);
	return true;
}

/* What is open still belongs to something that the program left running. */
static bool leave(const struct execstreams *streams, struct error *err)
{
	const struct flow *out = &streams->flows[STDOUT];
	const struct flow *errors = &streams->flows[STDERR];

	if (flow_is_over(out) && flow_is_over(errors))
		return true;
	return foreground_drain(out->from, errors->from, err);
}

/* How long to wait for more: for ever, until the program has ended. */
static int patience(const struct execstreams *streams, int64_t deadline)
{
	int64_t left = deadline - clock_ms();

	if (deadline == 0)
		return flow_patience(&streams->flows[STDIN]);
	if (is_owed(streams, STDOUT) || is_owed(streams, STDERR))
		return -1; /* nothing that was said is lost */
	return left > 0 ? (int)left : 0;
}

/* What is owed is read in any case, more only while there is time. */
static struct pollfd wish_of(const struct execstreams *streams, int fd, int64_t deadline)
{
	struct pollfd wish = flow_wish(&streams->flows[fd]);

	if (deadline != 0 && clock_ms() >= deadline && !is_owed(streams, fd))
		wish.fd = -1;
	return wish;
}

static bool copy(struct execstreams *streams, const struct foreground *child, int signals,
		 int *status, struct error *err)
{
	struct flow *flows = streams->flows;
	int64_t deadline = 0;
	bool is_told_to_end = false;

	while (deadline == 0 || !flow_is_over(&flows[STDOUT]) || !flow_is_over(&flows[STDERR])) {
		int left = patience(streams, deadline);
		struct pollfd fds[] = { wish_of(streams, STDIN, deadline),
					wish_of(streams, STDOUT, deadline),
					wish_of(streams, STDERR, deadline),
					{ signals, POLLIN, 0 },
					{ deadline ? -1 : child->pidfd, POLLIN, 0 } };

		if (left == 0 || is_told_to_end)
			return true;
		int ready = poll(fds, COUNT_OF(fds), left);
		if (ready < 0 && errno != EINTR)
			return error_sys(err, "wait for the program");
		for (int i = STDIN; ready > 0 && i <= STDERR; i++)
			if (fds[i].revents)
				flow_move(&flows[i]);
		if (ready > 0 && fds[3].revents &&
		    !take_signal(signals, child, deadline != 0, &is_told_to_end, err))
			return false;
		if (ready > 0 && fds[4].revents) {
			deadline = clock_ms() + EXECSTREAMS_SECONDS * 1000;
			if (!take_end(streams, child->pid, status, err))
				return false;
		}
	}
	return true;
}

bool execstreams_run(struct execstreams *streams, const struct foreground *child, int *status,
		     struct error *err)
{
	sigset_t every;

	sigfillset(&every);
	autoclose int signals = signalfd(-1, &every, SFD_CLOEXEC);

	if (signals < 0)
		return error_sys(err, "open a signal descriptor");
	return copy(streams, child, signals, status, err) && leave(streams, err);
}

void execstreams_done(struct execstreams *streams)
{
	execstreams_restore(streams);
	for (int i = 0; i < 3; i++) {
		flow_end(&streams->flows[i]);
		free(streams->flows[i].buffer);
		streams->flows[i].buffer = NULL;
	}
}
