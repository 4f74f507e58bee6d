/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "runtime/kernel.h"
#include "runtime/self.h"

#define OUTPUT_MAX 400       /* of each stream, for the error message */
#define STATE_MAX  (1 << 20) /* of the state on stdin */

/* A hook that was started: its process and our ends of its three pipes. */
struct running {
	pid_t pid;
	int pidfd;
	int input, output, errors; /* -1 once closed */
	struct buf out, err;
};

static void close_end(int *fd)
{
	mem_cleanup_close(fd);
	*fd = -1;
}

/* In the child. Descriptors above 2 are of no hook's concern. A hook that names no environment has
 * that of who started us, as with runc and crun; never the image's, unless it runs inside. */
_Noreturn static void execute(const struct spec_hook *hook, const struct hook_place *place,
			      int input, int output, int errors)
{
	const char *const *usual = place->env ? place->env : (const char *const *)environ;
	const char *const *env = hook->env ? hook->env : usual;
	sigset_t none;

	setpgid(0, 0); /* what it starts is killed with it */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0 ||
	    kernel_cloexec_from(3) < 0 || (place->directory && chdir(place->directory) < 0)) {
		perror(place->directory ? place->directory : "prepare");
		self_end(125);
	}
	execve(hook->path, (char *const *)(uintptr_t)hook->args, (char *const *)(uintptr_t)env);
	perror(hook->path);
	self_end(127);
}

static bool set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static bool start(const struct spec_hook *hook, const struct hook_place *place,
		  struct running *running, struct error *err)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	bool is_good = true;

	for (int i = 0; i < 3 && is_good; i++)
		is_good = pipe2(pipes[i], O_CLOEXEC) == 0;
	running->pid = is_good ? kernel_fork(&running->pidfd) : -1;
	if (running->pid == 0)
		execute(hook, place, pipes[0][0], pipes[1][1], pipes[2][1]);
	if (running->pid < 0)
		error_sys(err, "start %s", hook->path);
	close_end(&pipes[0][0]);
	close_end(&pipes[1][1]);
	close_end(&pipes[2][1]);
	running->input = pipes[0][1];
	running->output = pipes[1][0];
	running->errors = pipes[2][0];
	return running->pid > 0 && set_nonblocking(running->input) &&
	       set_nonblocking(running->output) && set_nonblocking(running->errors);
}

/* Reads what is there. What does not fit is read all the same, so that the hook is not blocked. */
static void drain(int *fd, struct buf *into)
{
	char chunk[4096];
	ssize_t got;

	while (*fd >= 0 && (got = read(*fd, chunk, sizeof(chunk))) != -1) {
		buf_add(into, chunk, (size_t)got);
		if (got == 0)
			close_end(fd);
	}
}

/* Gives the hook more of the state; it need not read it. */
static void feed(struct running *running, const struct buf *state, size_t *sent)
{
	ssize_t put = write(running->input, state->data + *sent, state->length - *sent);

	*sent += put > 0 ? (size_t)put : 0;
	if ((put < 0 && errno != EAGAIN) || *sent == state->length)
		close_end(&running->input);
}

/* Feeds and drains the hook until it has exited; false if its time ran out. */
static bool converse(struct running *running, const struct buf *state, long long deadline)
{
	size_t sent = 0;
	bool has_exited = false;

	while (!has_exited) {
		struct pollfd fds[4] = {
			{ .fd = running->input, .events = POLLOUT },
			{ .fd = running->output, .events = POLLIN },
			{ .fd = running->errors, .events = POLLIN },
			{ .fd = running->pidfd, .events = POLLIN },
		};
		long long left = deadline ? deadline - clock_ms() : -1;

		if (deadline && left <= 0)
			return false;
		if (poll(fds, 4, (int)(left > 1000000 ? 1000000 : left)) < 0 && errno != EINTR)
			return false;
		has_exited = fds[3].revents != 0;
		if (fds[0].revents)
			feed(running, state, &sent);
		drain(&running->output, &running->out);
		drain(&running->errors, &running->err);
	}
	return true;
}

static bool judge(const struct running *running, int status, struct error *err)
{
	const char *out = running->out.data ? running->out.data : "";
	const char *errors = running->err.data ? running->err.data : "";

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status)) {
		const char *name = strsignal(WTERMSIG(status)); /* as callers know it, but small */

		return error_set(err, ERROR_SYSTEM, "signal: %c%s, stdout: %s, stderr: %s",
				 tolower((unsigned char)name[0]), name + 1, out, errors);
	}
	return error_set(err, ERROR_SYSTEM, "exit status %d, stdout: %s, stderr: %s",
			 WEXITSTATUS(status), out, errors);
}

static bool run_one(const struct spec_hook *hook, const struct hook_place *place,
		    const struct buf *state, struct error *err)
{
	struct running running = {
		.pid = -1, .pidfd = -1, .input = -1, .output = -1, .errors = -1
	};
	long long deadline = hook->timeout == SPEC_UNSET ? 0 : clock_ms() + hook->timeout * 1000;
	bool is_good = false, is_in_time;
	int status = 0;

	buf_init(&running.out, OUTPUT_MAX);
	buf_init(&running.err, OUTPUT_MAX);
	if (start(hook, place, &running, err)) {
		is_in_time = converse(&running, state, deadline);
		if (!is_in_time && kill(-running.pid, SIGKILL) < 0)
			kill(running.pid, SIGKILL); /* it has not come to setpgid yet */
		(void)proc_reap(running.pid, &status);
		is_good = is_in_time ? judge(&running, status, err)
				     : error_set(err, ERROR_SYSTEM,
						 "hook ran past specified timeout of %lld.0s",
						 (long long)hook->timeout);
	}
	close_end(&running.pidfd);
	close_end(&running.input);
	close_end(&running.output);
	close_end(&running.errors);
	buf_done(&running.out);
	buf_done(&running.err);
	return is_good;
}

bool hook_run(const struct spec_hook_list *hooks, const struct hook_place *place,
	      const struct state *state, struct error *err)
{
	void (*old)(int);
	autobuf struct buf text = { 0 };
	struct jsonout out;
	bool is_good = true;

	if (hooks->count == 0)
		return true;
	buf_init(&text, STATE_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	state_write(&out, state, place->status, place->pid);
	jsonout_object_end(&out);
	jsonout_done(&out);
	old = signal(SIGPIPE, SIG_IGN);
	/* After the end there is nothing to spare the others: all run, the first failure is told.
	 */
	for (size_t i = 0; i < hooks->count && (is_good || place->kind == HOOK_POSTSTOP); i++) {
		struct error failure;

		if (run_one(&hooks->hooks[i], place, &text, &failure))
			continue;
		error_in(&failure, "error running %s hook #%zu", spec_hook_name(place->kind), i);
		if (is_good)
			*err = failure;
		is_good = false;
	}
	signal(SIGPIPE, old);
	return is_good;
}
