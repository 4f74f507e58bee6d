/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* -- the child ----------------------------------------------------------------------------------
 */

static void close_range_or_each(unsigned int first, unsigned int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (unsigned int fd = first; fd <= last && fd < (unsigned int)sysconf(_SC_OPEN_MAX); fd++)
		close((int)fd);
}

/* Locks, the database and the clients' connections stay the parent's alone. */
static void close_others(int a, int b)
{
	unsigned int low = (unsigned int)(a < b ? a : b), high = (unsigned int)(a < b ? b : a);

	if (low > 3)
		close_range_or_each(3, low - 1);
	close_range_or_each(low + 1, high - 1);
	close_range_or_each(high + 1, ~0U);
}

static void run_child(int result, int stop_fd, pid_t parent,
		      bool (*work)(void *context, struct error *err), void *context)
{
	struct error err = { 0 };
	bool is_good;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1); /* it died before we asked to be told */
	close_others(result, stop_fd);
	is_good = work(context, &err);
	/* Less than a pipe holds at once. */
	if (!is_good && write(result, &err, sizeof(err)) != (ssize_t)sizeof(err))
		_exit(1);
	_exit(is_good ? 0 : 1);
}

/* -- the parent ---------------------------------------------------------------------------------
 */

static int reap(struct background *background)
{
	int status = -1;

	loop_unwatch(background->loop, &background->watch);
	mem_cleanup_close(&background->watch.fd);
	background->watch.fd = -1;
	while (waitpid(background->pid, &status, 0) < 0 && errno == EINTR)
		;
	background->pid = 0;
	return status;
}

/* The pipe's end: the child has written all it has to say, or died. */
static void on_result(struct loop_watch *watch)
{
	struct background *background = watch->context;
	struct error err;
	ssize_t got = read(watch->fd, &err, sizeof(err));
	int status;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	status = reap(background);
	if (got != (ssize_t)sizeof(err)) {
		bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

		if (!is_good)
			error_set(&err, ERROR_SYSTEM, "the process that fetches files was killed");
		background->on_done(background->context, is_good, &err);
		return;
	}
	err.text[sizeof(err.text) - 1] = '\0';
	background->on_done(background->context, false, &err);
}

bool background_start(struct background *background, int stop_fd,
		      bool (*work)(void *context, struct error *err), struct error *err)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	background->pid = fork();
	if (background->pid == 0)
		run_child(ends[1], stop_fd, parent, work, background->context);
	close(ends[1]);
	if (background->pid < 0) {
		background->pid = 0;
		error_sys(err, "fork");
		close(ends[0]);
		return false;
	}
	background->watch =
		(struct loop_watch){ .fd = ends[0], .on_ready = on_result, .context = background };
	loop_watch(background->loop, &background->watch);
	return true;
}

void background_stop(struct background *background)
{
	if (background->pid > 0)
		kill(background->pid, SIGTERM);
}

void background_abandon(struct background *background)
{
	if (background->pid <= 0)
		return;
	kill(background->pid, SIGKILL);
	reap(background);
}
