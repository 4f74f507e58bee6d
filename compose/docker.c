/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/docker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"

#define READ_STEP 4096

bool docker_find(char **path, struct error *err)
{
	return proc_helper("mooring", path, err);
}

static void make_argv(const char *path, const struct texts *arguments, struct texts *argv)
{
	texts_add(argv, path);
	texts_add_all(argv, arguments->items, arguments->count);
}

bool docker_start(const char *path, const struct texts *arguments, struct docker_child *child,
		  struct error *err)
{
	autotexts struct texts argv = { 0 };
	autoclose int out = -1, out_end = -1, errors = -1, errors_end = -1;
	int ends[2];

	make_argv(path, arguments, &argv);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	out = ends[0];
	out_end = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	errors = ends[0];
	errors_end = ends[1];

	const struct proc_fd fds[] = { { out_end, STDOUT_FILENO }, { errors_end, STDERR_FILENO } };
	const struct proc_options options = {
		.argv = argv.items, .fds = fds, .fd_count = COUNT_OF(fds), .is_session_leader = true
	};

	if (!proc_spawn(&options, &child->proc, err))
		return false;
	child->out = take_fd(&out);
	child->errors = take_fd(&errors);
	return true;
}

/* Both to their ends: a child that fills one pipe must not wait for us to read the other. */
static void read_both(const struct docker_child *child, struct buf *out, struct buf *errors)
{
	struct pollfd waits[] = { { .fd = child->out, .events = POLLIN },
				  { .fd = child->errors, .events = POLLIN } };
	struct buf *into[] = { out, errors };
	char bytes[READ_STEP];

	while (waits[0].fd >= 0 || waits[1].fd >= 0) {
		if (poll(waits, COUNT_OF(waits), -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < COUNT_OF(waits); i++) {
			ssize_t got =
				waits[i].revents ? read(waits[i].fd, bytes, sizeof(bytes)) : 1;

			if (got > 0 && waits[i].revents)
				buf_add(into[i], bytes, (size_t)got);
			if (got == 0 || (got < 0 && errno != EINTR))
				waits[i].fd = -1;
		}
	}
}

bool docker_run(const char *path, const struct texts *arguments, struct arena *arena,
		const char **output, struct error *err)
{
	autobuf struct buf out, errors;
	struct docker_child child;
	int status;

	buf_init(&out, DOCKER_OUTPUT_MAX);
	buf_init(&errors, DOCKER_OUTPUT_MAX);
	if (!docker_start(path, arguments, &child, err))
		return false;
	read_both(&child, &out, &errors);
	close(child.out);
	close(child.errors);
	if (!proc_wait(&child.proc, &status, err))
		return false;
	if (proc_exit_code(status) != 0) {
		docker_explain(errors.length ? errors.data : "", proc_exit_code(status), err);
		return false;
	}
	if (output) {
		if (out.length && out.data[out.length - 1] == '\n')
			out.length--;
		*output = arena_strndup(arena, out.length ? out.data : "", out.length);
	}
	return true;
}

bool docker_run_here(const char *path, const struct texts *arguments, int out, int *code,
		     struct error *err)
{
	const struct proc_fd fds[] = { { STDIN_FILENO, STDIN_FILENO },
				       { out, STDOUT_FILENO },
				       { STDERR_FILENO, STDERR_FILENO } };
	autotexts struct texts argv = { 0 };
	struct proc proc;
	int status;

	make_argv(path, arguments, &argv);

	const struct proc_options options = { .argv = argv.items,
					      .fds = fds,
					      .fd_count = COUNT_OF(fds) };

	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return false;
	*code = proc_exit_code(status);
	return true;
}

void docker_become(const char *path, const struct texts *arguments, struct error *err)
{
	autotexts struct texts argv = { 0 };

	make_argv(path, arguments, &argv);
	execv(path, (char *const *)(uintptr_t)argv.items);
	error_sys(err, "execute %s", path);
}

/* `invalid argument "V" for "--option" flag: `: nobody who wrote a compose file gave that option.
 */
static void skip_flag(const char **text, size_t *length)
{
	static const char begin[] = "invalid argument \"", end[] = "\" flag: ";
	const char *reason =
		*length > sizeof(begin) && strncmp(*text, begin, sizeof(begin) - 1) == 0
			? strstr(*text, end)
			: NULL;

	if (!reason || (size_t)(reason - *text) + sizeof(end) > *length)
		return;
	reason += sizeof(end) - 1;
	*length -= (size_t)(reason - *text);
	*text = reason;
}

void docker_explain(const char *errors, int code, struct error *err)
{
	static const char *const heads[] = { "docker: ", "Error response from daemon: ",
					     "Error: " };
	/* What run, start, and a wrong option's value say below the reason. */
	static const char *const hints[] = { "\n\nRun 'docker", "\nSee 'docker",
					     "\n\nUsage:  docker",
					     "\nError: failed to start containers: " };
	size_t length = strlen(errors);
	const char *text = errors;

	for (size_t i = 0; i < COUNT_OF(hints); i++) {
		const char *hint = strstr(text, hints[i]);

		if (hint && (size_t)(hint - text) < length)
			length = (size_t)(hint - text);
	}
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		if (length >= strlen(heads[i]) && strncmp(text, heads[i], strlen(heads[i])) == 0) {
			text += strlen(heads[i]);
			length -= strlen(heads[i]);
		}
	}
	skip_flag(&text, &length);
	while (length && text[length - 1] == '\n')
		length--;
	if (length)
		error_set(err, ERROR_SYSTEM, "%.*s", (int)(length < 4096 ? length : 4096), text);
	else
		error_set(err, ERROR_SYSTEM, "docker failed with exit code %d", code);
}
