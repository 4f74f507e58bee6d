/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/kernel.h"
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
		} else if (signal > 0 && signal != SIGURG && signal != SIGWINCH &&
			   kernel_pidfd_signal(child->pidfd, signal) < 0 && errno != ESRCH) {
			return error_sys(err, "signal the container");
		}
	}
}

static void drain(const struct foreground *child)
{
	char chunk[4096];
	bool is_open = true;

	for (;;) {
		struct pollfd fds[] = { { is_open ? child->master : -1, POLLIN, 0 },
					{ child->pidfd, POLLIN, 0 } };

		if (poll(fds, COUNT_OF(fds), -1) < 0)
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
	pid_t pid = fork();

	if (pid != 0)
		return pid > 0 || error_sys(err, "fork");
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	drain(child);
	_exit(0);
}
