/* SPDX-License-Identifier: Apache-2.0 */
#include "base/converse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/proc.h"

/* The caller's own program, found on the caller's own PATH. */
static bool spawn(const char *const *argv, int in, int out, struct proc *proc, struct error *err)
{
	const struct proc_fd fds[] = { { in, 0 }, { out, 1 }, { 2, 2 } };
	autofree gid_t *groups = mem_array(CALLER_GROUPS_MAX, sizeof(*groups));
	struct proc_user caller;

	return proc_spawn(
		&(struct proc_options){ .argv = argv,
					.fds = fds,
					.fd_count = COUNT_OF(fds),
					.user = caller_user(&caller, groups) ? &caller : NULL,
					.parent_death_signal = SIGKILL },
		proc, err);
}

/* False, and err, once the time is up; what it waits for may also be there for another reason. */
static bool await(int fd, const struct converse *question, int64_t end, struct error *err)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = end - loop_now();
		int count = left <= 0 ? 0 : poll(&ready, 1, (int)left);

		if (count > 0)
			return true;
		if (count == 0)
			return error_set(err, ERROR_SYSTEM, "%s: no answer in %d seconds",
					 question->argv[0], question->patience_ms / 1000);
		if (errno != EINTR)
			return error_sys(err, "wait for %s", question->argv[0]);
	}
}

/* Reads until the program has closed its output, is out of time or says too much. */
static bool read_answer(int fd, const struct converse *question, int64_t end, struct buf *answer,
			struct error *err)
{
	const char *program = question->argv[0];

	while (await(fd, question, end, err)) {
		char chunk[1024];
		ssize_t count = read(fd, chunk, sizeof(chunk));

		if (count < 0 && errno != EINTR)
			return error_sys(err, "read from %s", program);
		if (count == 0)
			return true;
		if (count > 0)
			buf_add(answer, chunk, (size_t)count);
		if (answer->is_cut)
			return error_set(err, ERROR_INPUT, "%s: an answer of more than %zu bytes",
					 program, answer->limit);
	}
	return false;
}

/* The input as a file in memory: unlike a pipe it cannot fill up or break. */
static bool open_input(const char *text, int *fd, struct error *err)
{
	autoclose int input = memfd_create("input", MFD_CLOEXEC);

	if (input < 0)
		return error_sys(err, "memfd_create");
	if (!file_write(input, "input", text, strlen(text), err))
		return false;
	if (lseek(input, 0, SEEK_SET) < 0)
		return error_sys(err, "seek");
	*fd = take_fd(&input);
	return true;
}

bool converse(const struct converse *question, struct buf *answer, int *code, struct error *err)
{
	autoclose int input = -1, read_end = -1, write_end = -1;
	int64_t end = loop_now() + question->patience_ms;
	struct proc proc = { .pidfd = -1 };
	struct error ignored;
	int ends[2], status;

	if (!open_input(question->input, &input, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	read_end = ends[0];
	write_end = ends[1];
	if (!spawn(question->argv, input, write_end, &proc, err))
		return false;
	drop_fd(&write_end);

	/* A closed output is not its end yet; a kernel without pidfds has to believe it. */
	bool is_ok = read_answer(read_end, question, end, answer, err) &&
		     (proc.pidfd < 0 || await(proc.pidfd, question, end, err));

	if (!is_ok)
		kill(proc.pid, SIGKILL);
	if (!proc_wait(&proc, &status, is_ok ? err : &ignored) || !is_ok)
		return false;
	*code = proc_exit_code(status);
	return true;
}
