/* SPDX-License-Identifier: Apache-2.0 */
#include "image/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define FDS_MAX 8

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_gap(unsigned int first, unsigned int last)
{
	if (first > last)
		return;
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (unsigned int fd = first; fd <= last && fd < 1024; fd++) /* before Linux 5.9 */
		close((int)fd);
}

/* Everything but these goes: above all, nobody else's end of a pipe may stay open here. */
static void keep_only(const struct worker_task *task, int result)
{
	int kept[FDS_MAX + 1];
	unsigned int next = 0;

	memcpy(kept, task->fds, task->fd_count * sizeof(*kept));
	kept[task->fd_count] = result;
	qsort(kept, task->fd_count + 1, sizeof(*kept), compare);
	for (size_t i = 0; i <= task->fd_count; i++) {
		if ((unsigned int)kept[i] > next)
			close_gap(next, (unsigned int)kept[i] - 1);
		next = (unsigned int)kept[i] + 1;
	}
	close_gap(next, ~0U);
}

static void run(const struct worker_task *task, int to, pid_t parent)
{
	struct worker_result result = { 0 };
	struct error ignored;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* it died before the prctl */
	keep_only(task, to);
	result.is_good = task->run(task->context, &result, &result.err);
	_exit(file_write(to, "the result", &result, sizeof(result), &ignored) ? 0 : 1);
}

bool worker_start(const struct worker_task *task, struct worker *worker, struct error *err)
{
	int ends[2];
	pid_t parent = getpid();

	if (task->fd_count > FDS_MAX)
		return error_set(err, ERROR_SYSTEM, "too many descriptors for a worker");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	pid_t pid = fork();

	if (pid == 0)
		run(task, ends[1], parent);
	close(ends[1]);
	if (pid < 0) {
		mem_cleanup_close(&ends[0]);
		return error_sys(err, "fork");
	}
	*worker = (struct worker){ .pid = pid, .result = ends[0] };
	return true;
}

static void reap(struct worker *worker)
{
	while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	mem_cleanup_close(&worker->result);
	*worker = (struct worker){ .result = -1 };
}

bool worker_finish(struct worker *worker, struct worker_result *result, struct error *err)
{
	size_t length = 0;

	while (length < sizeof(*result)) {
		ssize_t got =
			read(worker->result, (char *)result + length, sizeof(*result) - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	reap(worker);
	if (length < sizeof(*result))
		return error_set(err, ERROR_SYSTEM, "a process of ours was killed");
	result->err.text[sizeof(result->err.text) - 1] = '\0'; /* it read hostile bytes */
	result->in_digest.text[DIGEST_TEXT_LENGTH] = '\0';
	result->out_digest.text[DIGEST_TEXT_LENGTH] = '\0';
	return true;
}

void worker_kill(struct worker *worker)
{
	if (worker->result < 0)
		return;
	kill(worker->pid, SIGKILL);
	reap(worker);
}
