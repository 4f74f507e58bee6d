/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/foreground.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
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

/* To set a terminal's modes, be it to what they are, is for those in its foreground only. */
void foreground_come_forward(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &now) == 0)
		tcsetattr(STDIN_FILENO, TCSANOW, &now);
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

/* -- what nobody wants to see --------------------------------------------------------------------
 */

static bool read_some(int fd)
{
	char chunk[4096];
	ssize_t got = read(fd, chunk, sizeof(chunk));

	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void foreground_read_away(int first, int second, int end, int64_t milliseconds)
{
	struct pollfd fds[] = { { first, POLLIN, 0 }, { second, POLLIN, 0 }, { end, POLLIN, 0 } };
	int64_t deadline = milliseconds < 0 ? -1 : clock_ms() + milliseconds;
	struct slim slim;

	slim_init(&slim);
	while (end >= 0 || fds[0].fd >= 0 || fds[1].fd >= 0) {
		int64_t left = deadline < 0 ? -1 : deadline - clock_ms();
		bool has_output = false;

		if (deadline >= 0 && left <= 0)
			return;
		if (slim_poll_later(&slim, fds, COUNT_OF(fds), left) <= 0)
			continue;
		for (int i = 0; i < 2; i++) {
			has_output |= fds[i].revents != 0;
			if (fds[i].revents && !read_some(fds[i].fd))
				fds[i].fd = -1;
		}
		if (fds[2].revents && !has_output)
			return;
	}
}

bool foreground_drain(int first, int second, struct error *err)
{
	int *const kept[] = { &first, &second };
	pid_t pid;

	if (!detach_fork(&pid, err))
		return false;
	if (pid != 0)
		return true;
	if (detach_settle(err) && detach_keep_fds(kept, COUNT_OF(kept), err))
		foreground_read_away(first, second, -1, FOREGROUND_DRAIN_SECONDS * 1000);
	_exit(0);
}
