/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/detach.h"
#include "runtime/kernel.h"
#include "runtime/slim.h"
#include "runtime/ttyrelay.h"

void foreground_prepare(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

bool foreground_reap(pid_t pid)
{
	siginfo_t ended = { 0 };

	while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
		if (ended.si_pid == pid)
			return true;
		waitpid(ended.si_pid, NULL, WNOHANG);
		ended.si_pid = 0;
	}
	return false;
}

bool foreground_take_signal(const struct foreground *child, int signal, struct error *err)
{
	if (signal == SIGCHLD)
		foreground_reap(child->pid);
	else if (signal != SIGURG && signal != SIGWINCH &&
		 kernel_pidfd_signal(child->pidfd, signal) < 0 && errno != ESRCH)
		return error_sys(err, "signal the container");
	return true;
}

bool foreground_wait(const struct foreground *child, enum foreground_end *end, struct error *err)
{
	sigset_t all;

	*end = FOREGROUND_OVER;
	if (child->master >= 0 || child->notify_socket >= 0)
		return ttyrelay_run(child, end, err);
	sigfillset(&all);
	for (;;) {
		int signal = sigwaitinfo(&all, NULL);

		if (signal == SIGCHLD) {
			if (foreground_reap(child->pid))
				return true;
		} else if (signal > 0 && !foreground_take_signal(child, signal, err)) {
			return false;
		}
	}
}

void foreground_outlast(const struct foreground *child)
{
	bool is_open = child->master >= 0;
	struct slim slim;
	char chunk[4096];

	slim_init(&slim);
	for (;;) {
		struct pollfd fds[] = { { is_open ? child->master : -1, POLLIN, 0 },
					{ child->pidfd, POLLIN, 0 } };
		int ready = is_open ? poll(fds, COUNT_OF(fds), -1)
				    : slim_poll(&slim, fds, COUNT_OF(fds), -1);

		if (ready < 0)
			continue;
		if (fds[0].revents) {
			ssize_t got = read(child->master, chunk, sizeof(chunk));

			is_open = got > 0 || (got < 0 && errno == EAGAIN);
		} else if (fds[1].revents) {
			return;
		}
	}
}

bool foreground_leave(const struct foreground *child, struct error *err)
{
	pid_t pid;

	if (!detach_fork(&pid, err))
		return false;
	if (pid != 0)
		return true;
	if (detach_settle(err))
		foreground_outlast(child);
	_exit(0);
}

static bool read_away(int fd)
{
	char chunk[4096];
	ssize_t got = read(fd, chunk, sizeof(chunk));

	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void drain_pipes(struct pollfd fds[2])
{
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents && !read_away(fds[i].fd))
				fds[i].fd = -1;
	}
}

bool foreground_drain(int first, int second, struct error *err)
{
	struct pollfd fds[] = { { first, POLLIN, 0 }, { second, POLLIN, 0 } };
	int *const kept[] = { &fds[0].fd, &fds[1].fd };
	pid_t pid;

	if (!detach_fork(&pid, err))
		return false;
	if (pid != 0)
		return true;
	if (detach_settle(err) && detach_keep_fds(kept, COUNT_OF(kept), err))
		drain_pipes(fds);
	_exit(0);
}
