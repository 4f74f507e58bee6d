/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/foreground.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

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

bool foreground_wait(const struct foreground *child, struct error *err)
{
	sigset_t all;

	if (child->master >= 0 || child->notify_socket >= 0)
		return ttyrelay_run(child, err);
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
