/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/enter.h"
#include "engine/happening.h"
#include "image/config.h"

/*
 * One health check: docker exec of the test, with a time limit and its output kept, and what that
 * makes of the container's health.
 */

#define NS_PER_MS         1000000LL
#define NS_PER_S          1000000000LL
#define DEFAULT_TIMEOUT   (30 * NS_PER_S)
#define TIMEOUT_WORDS_MAX 128
#define END_PATIENCE_MS   3000 /* for mooring-runc to end once its test has */
#define DEFAULT_RETRIES   3
#define RECORD_MAX        (1 << 20)
#define TIMED_OUT         (-1) /* in place of an exit code, as docker has it */
#define PID_FILE          "probe.pid"

struct check {
	struct engine *engine;
	struct arena arena;
	struct container container;
	struct status status;
	struct health health;
	struct buf output;
	char directory[4096]; /* RUN/health */
};

/* The test. ----------------------------------------------------------------------------------- */

/* "CMD-SHELL" and a line, or "CMD" and an argument vector. */
static void make_command(const struct texts *test, struct texts *command)
{
	if (strcmp(test->items[0], "CMD-SHELL") == 0) {
		texts_add(command, "/bin/sh");
		texts_add(command, "-c");
	}
	texts_add_all(command, test->items + 1, test->count - 1);
}

/* mooring-runc writes down whom it has started: its own end would not be the test's. */
static void add_pid_file(const struct check *check, struct arena *arena, struct texts *argv)
{
	autotexts struct texts words = { 0 };

	texts_add_all(&words, argv->items, argv->count);
	argv->count = 0;
	for (size_t i = 0; i < words.count; i++) {
		texts_add(argv, words.items[i]);
		if (strcmp(words.items[i], "--for-docker") != 0)
			continue;
		texts_add(argv, "--pid-file");
		texts_add(argv, arena_printf(arena, "%s/%s." PID_FILE, check->directory,
					     check->container.id));
	}
}

/* The number that was written down is the test's only as long as `runner`, our child that has
 * started it, has not seen its end: a test may be over, and only what it left behind still hold its
 * output. The number may be anybody's then. */
static void kill_test(struct check *check, pid_t runner)
{
	const char *path = arena_printf(&check->arena, "%s/%s." PID_FILE, check->directory,
					check->container.id);
	autobuf struct buf text;
	struct error ignored; /* it was not started yet: mooring-runc's end is the test's then */

	buf_init(&text, 64);
	if (!file_read(AT_FDCWD, path, &text, &ignored) || !text.length)
		return;
	pid_t test = atoi(text.data);
	autoclose int process = test > 1 ? (int)syscall(SYS_pidfd_open, test, 0) : -1;

	if (test <= 1 || proc_parent(test) != runner)
		return;
	if (process >= 0)
		syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
	else /* a kernel before 5.3 */
		kill(test, SIGKILL);
}

/* False when the time is up. What is beyond the limit is read and forgotten. */
static bool read_output(struct check *check, int from, int64_t milliseconds)
{
	int64_t end = clock_ms() + milliseconds;
	char chunk[4096];

	for (;;) {
		struct pollfd wait = { from, POLLIN, 0 };
		int64_t left = end - clock_ms();

		if (left <= 0)
			return false;
		int ready = poll(&wait, 1, left > 1000000 ? 1000000 : (int)left);
		if (ready < 0 && errno != EINTR)
			return true;
		if (ready <= 0)
			continue;
		ssize_t got = read(from, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return true;
		buf_add(&check->output, chunk, (size_t)got);
	}
}

static bool spawn_test(struct check *check, const struct texts *argv, int *from, struct proc *proc,
		       struct error *err)
{
	int ends[2];
	int process = -1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	autoclose int reader = ends[0];
	autoclose int writer = ends[1];
	/* The process object's descriptor, which enter_prepare left open under this number. */
	for (size_t i = 0; i + 1 < argv->count; i++) {
		if (strcmp(argv->items[i], "--process") == 0)
			process = atoi(strrchr(argv->items[i + 1], '/') + 1);
	}
	const struct proc_fd fds[] = { { writer, STDOUT_FILENO },
				       { writer, STDERR_FILENO },
				       { process, process } };
	const struct proc_options options = { .argv = argv->items,
					      .fds = fds,
					      .fd_count = COUNT_OF(fds) };
	if (process < 0 || !proc_spawn(&options, proc, err))
		return false;
	(void)check;
	*from = take_fd(&reader);
	return true;
}

/*
 * mooring-runc, the test's parent, reaps it: who is left to the machine's first process may stay a
 * zombie, and hold up the container's end. While it is still starting the test it ends by a signal.
 */
static void end_test(struct check *check, const struct proc *runner)
{
	struct pollfd end = { runner->pidfd, POLLIN, 0 };

	kill_test(check, runner->pid);
	kill(runner->pid, SIGTERM);
	if (runner->pidfd >= 0 && poll(&end, 1, END_PATIENCE_MS) > 0)
		return;
	kill_test(check, runner->pid); /* it may have begun meanwhile */
	kill(runner->pid, SIGKILL);
}

/* Before what the test has said. */
static void tell_timeout(struct check *check, int64_t timeout)
{
	char span[DURATION_TEXT_MAX];
	autofree char *said = mem_strdup(check->output.data ? check->output.data : "");

	buf_clear(&check->output);
	buf_printf(&check->output, "Health check exceeded timeout (%s)%s%.*s",
		   duration_text(timeout, span), *said ? ": " : "",
		   HEALTH_OUTPUT_MAX - TIMEOUT_WORDS_MAX, said);
}

static bool run_test(struct check *check, int *code, struct error *err)
{
	int64_t timeout = check->container.health_timeout;
	struct enter enter = { .container = &check->container };
	autotexts struct texts argv = { 0 };
	autoclose int from = -1;
	struct proc proc;
	int status;

	if (timeout < NS_PER_MS) /* 0, or what an earlier version took */
		timeout = DEFAULT_TIMEOUT;
	make_command(&check->container.health_test, &enter.command);
	bool is_ready = enter.command.count > 0 &&
			enter_prepare(check->engine, &check->arena, &enter, &argv, err);
	texts_done(&enter.command);
	if (!is_ready)
		return false;
	add_pid_file(check, &check->arena, &argv);
	if (!spawn_test(check, &argv, &from, &proc, err))
		return false;
	bool is_in_time = read_output(check, from, timeout / NS_PER_MS);
	if (!is_in_time)
		end_test(check, &proc);
	if (!proc_wait(&proc, &status, err))
		return false;
	*code = is_in_time ? proc_exit_code(status) : TIMED_OUT;
	if (!is_in_time)
		tell_timeout(check, timeout);
	return true;
}

/* What it means. ------------------------------------------------------------------------------ */

static bool is_in_start_period(const struct check *check, const char *start)
{
	int64_t begun;
	int64_t now;
	long begun_ns;
	long now_ns;

	if (check->health.state != HEALTH_STARTING ||
	    !image_time_parse(check->status.started_at, &begun, &begun_ns) ||
	    !image_time_parse(start, &now, &now_ns))
		return false;
	return (now - begun) * NS_PER_S + (now_ns - begun_ns) <
	       check->container.health_start_period;
}

static void judge(struct check *check, const struct health_result *result)
{
	struct health *health = &check->health;
	int64_t retries = check->container.health_retries;

	if (health->count == HEALTH_RESULTS_MAX) {
		memmove(health->results, health->results + 1,
			(HEALTH_RESULTS_MAX - 1) * sizeof(*health->results));
		health->count--;
	}
	health->results[health->count++] = *result;
	if (result->code == 0) {
		health->streak = 0;
		health->state = HEALTH_HEALTHY;
	} else if (!is_in_start_period(check, result->start)) {
		health->streak++;
		if (health->streak >= (retries ? retries : DEFAULT_RETRIES))
			health->state = HEALTH_UNHEALTHY;
	}
}

static bool write_record(const struct check *check, struct error *err)
{
	const struct health *health = &check->health;
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, RECORD_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "run", check->status.started_at);
	jsonout_text(&out, "state", health_name(health->state));
	jsonout_int(&out, "streak", health->streak);
	jsonout_array(&out, "results");
	for (size_t i = 0; i < health->count; i++) {
		jsonout_object(&out, NULL);
		jsonout_text(&out, "start", health->results[i].start);
		jsonout_text(&out, "end", health->results[i].end);
		jsonout_int(&out, "code", health->results[i].code);
		jsonout_text(&out, "output", health->results[i].output);
		jsonout_object_end(&out);
	}
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	autoclose int dir = open(check->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open %s", check->directory);
	return buf_check(&text, "the record of health", err) &&
	       file_replace_outside(dir, check->container.id, text.data, text.length, 0600,
				    FILE_VOLATILE, err);
}

static bool make_directory(struct check *check, struct error *err)
{
	snprintf(check->directory, sizeof(check->directory), "%s/health", check->engine->run);
	return path_make_own_dirs(check->directory, 0700, err);
}

/* A container that is paused, or has just ended, is not asked. */
static bool run_check(struct check *check, const char *id, int *code, struct error *err)
{
	struct health_result result = { .start = clock_now_text(&check->arena) };

	if (!make_directory(check, err) ||
	    !container_read(check->engine, &check->arena, id, &check->container, err))
		return false;
	status_read(check->engine, &check->arena, id, &check->status);
	health_read(check->engine, &check->arena, &check->container, &check->status,
		    &check->health);
	if (check->status.state != STATUS_RUNNING || check->health.state == HEALTH_NONE)
		return false;
	if (!run_test(check, code, err))
		return false;
	result.end = clock_now_text(&check->arena);
	result.code = *code;
	result.output = arena_strdup(&check->arena, check->output.data ? check->output.data : "");
	enum health_state before = check->health.state;
	judge(check, &result);
	if (!write_record(check, err))
		return false;
	if (check->health.state != before)
		happening_container(check->engine, &check->container,
				    arena_printf(&check->arena, "health_status: %s",
						 health_name(check->health.state)),
				    NULL);
	return true;
}

bool health_probe(struct engine *engine, const char *id)
{
	struct check check = { .engine = engine };
	struct error ignored; /* nobody is there to be told */
	int code = 1;

	buf_init(&check.output, HEALTH_OUTPUT_MAX);
	if (!run_check(&check, id, &code, &ignored))
		code = 1;
	unlink(arena_printf(&check.arena, "%s/%s." PID_FILE, check.directory, id));
	buf_done(&check.output);
	container_done(&check.container);
	arena_done(&check.arena);
	return code == 0;
}
