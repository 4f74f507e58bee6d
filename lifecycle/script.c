/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "lifecycle/processes.h"

/*
 * How this works: the leader is never reaped before script_free. As a zombie it keeps its number,
 * which is its session's number, from being given to somebody else while we still signal by it.
 *
 *     ACTIVE ──ended, streams too──► ENDED ─┐
 *       │  └─ended, streams open─► LINGERING┤ (install, shutdown: five seconds)
 *       └─timeout─┐                         │
 *                 ▼                    script_stop
 *              ENDING  ◄────────────────────┘   SIGTERM, look again and again, SIGKILL
 *                 └──none left──► GONE
 */

#define GRACE_MS       5000 /* between SIGTERM and SIGKILL, and for what does not die of that */
#define LINGER_MS      5000 /* for the streams of a script that has ended */
#define LOOK_AGAIN_MS  50
#define READ_SIZE      4096
#define READS_PER_TURN 16 /* one that never stops writing must not starve the others */

enum phase {
	ACTIVE,
	LINGERING,
	ENDED,
	ENDING,
	GONE,
};

struct stream {
	struct script *script;
	enum script_stream kind;
	struct loop_watch watch; /* fd -1: closed */
	struct buf line;
};

struct script {
	struct loop *loop;
	struct script_options options;
	struct proc proc;
	enum phase phase;
	bool has_exited; /* the leader; it is still a zombie */
	bool is_timeout;
	int code;
	int stdin_fd; /* held open and never written to: a script that reads waits */
	struct stream streams[SCRIPT_STREAMS];
	struct loop_timer timer;   /* the timeout; later the lingering, the grace */
	struct loop_timer looking; /* while ENDING */
	bool is_killed;
	void (*on_gone)(void *context);
};

/* -- output -------------------------------------------------------------------------------------
 */

static void emit(struct stream *stream)
{
	struct script *script = stream->script;

	script->options.on_line(script->options.context, stream->kind, stream->line.data);
	buf_clear(&stream->line);
}

/* A line ends at \n, \r or \r\n; an empty one between them is no line. */
static void take_bytes(struct stream *stream, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool is_end = bytes[i] == '\n' || bytes[i] == '\r';

		if (!is_end)
			buf_add_char(&stream->line, bytes[i] ? bytes[i] : '?');
		if ((is_end && stream->line.length > 0) || stream->line.length == SCRIPT_LINE_MAX)
			emit(stream);
	}
}

static void close_stream(struct stream *stream)
{
	if (stream->watch.fd < 0)
		return;
	loop_unwatch(stream->script->loop, &stream->watch);
	close(stream->watch.fd);
	stream->watch.fd = -1;
	if (stream->line.length > 0)
		emit(stream);
}

/* Reads what is there, at most `turns` times; at the end of the stream it is closed. */
static void read_stream(struct stream *stream, int turns)
{
	char bytes[READ_SIZE];

	while (stream->watch.fd >= 0 && turns-- > 0) {
		ssize_t got = read(stream->watch.fd, bytes, sizeof(bytes));

		if (got > 0)
			take_bytes(stream, bytes, (size_t)got);
		else if (got == 0 || (errno != EAGAIN && errno != EINTR))
			close_stream(stream);
		else if (errno == EAGAIN)
			return;
	}
}

static bool are_streams_closed(const struct script *script)
{
	return script->streams[SCRIPT_STDOUT].watch.fd < 0 &&
	       script->streams[SCRIPT_STDERR].watch.fd < 0;
}

/* What was written before the end is not lost; who still holds the other end writes in vain. */
static void drain_streams(struct script *script)
{
	for (int i = 0; i < SCRIPT_STREAMS; i++) {
		read_stream(&script->streams[i], READS_PER_TURN);
		close_stream(&script->streams[i]);
	}
}

/* -- the end ------------------------------------------------------------------------------------
 */

static void report_end(struct script *script)
{
	struct script_result result = { .is_timeout = script->is_timeout, .code = script->code };

	script->phase = ENDED;
	loop_disarm(script->loop, &script->timer);
	script->options.on_end(script->options.context, &result);
}

/* Asks without reaping; true once the leader has ended. */
static bool note_exit(struct script *script)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)script->proc.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return false;
	script->has_exited = true;
	script->code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return true;
}

static void become_gone(struct script *script)
{
	note_exit(script);
	loop_disarm(script->loop, &script->timer);
	loop_disarm(script->loop, &script->looking);
	drain_streams(script);
	script->phase = GONE;
	if (script->on_gone)
		script->on_gone(script->options.context);
	else
		report_end(script); /* a timeout: script_stop is still to come */
}

static void look_again(struct loop_timer *timer)
{
	struct script *script = timer->context;

	if (processes_signal(script_pid(script), script->is_killed ? SIGKILL : 0) == 0) {
		become_gone(script);
		return;
	}
	loop_arm(script->loop, timer, LOOK_AGAIN_MS);
}

static void on_grace_over(struct script *script)
{
	if (script->is_killed) {
		log_warning("process %d does not even die of SIGKILL: leaving it behind",
			    script_pid(script));
		become_gone(script);
		return;
	}
	log_warning("process %d did not respond to SIGTERM: killing it", script_pid(script));
	script->is_killed = true;
	loop_arm(script->loop, &script->timer, GRACE_MS);
	loop_arm(script->loop, &script->looking, 0);
}

static void begin_ending(struct script *script)
{
	script->phase = ENDING;
	processes_signal(script_pid(script), SIGTERM);
	loop_arm(script->loop, &script->timer, GRACE_MS);
	loop_arm(script->loop, &script->looking, 0);
}

static void check_end(struct script *script)
{
	if (script->phase != ACTIVE && script->phase != LINGERING)
		return;
	if (!script->has_exited)
		return;
	if (are_streams_closed(script)) {
		report_end(script);
	} else if (!script->options.waits_for_streams && script->phase == ACTIVE) {
		script->phase = LINGERING;
		loop_arm(script->loop, &script->timer, LINGER_MS);
	}
}

static void on_timer(struct loop_timer *timer)
{
	struct script *script = timer->context;

	switch (script->phase) {
	case ACTIVE:
		script->is_timeout = true;
		begin_ending(script);
		break;
	case LINGERING:
		drain_streams(script);
		report_end(script);
		break;
	case ENDING:
		on_grace_over(script);
		break;
	default:
		break;
	}
}

static void on_output(struct loop_watch *watch)
{
	struct stream *stream = watch->context;

	read_stream(stream, READS_PER_TURN);
	check_end(stream->script);
}

void script_look(struct script *script)
{
	if (script->has_exited || !note_exit(script))
		return;
	if (script->phase == ENDING)
		loop_arm(script->loop, &script->looking, 0);
	check_end(script);
}

void script_stop(struct script *script, void (*on_gone)(void *context))
{
	script->on_gone = on_gone;
	if (script->phase != ENDING)
		begin_ending(script);
}

void script_free(struct script *script)
{
	struct error ignored;
	int status;

	if (!script)
		return;
	loop_disarm(script->loop, &script->timer);
	loop_disarm(script->loop, &script->looking);
	for (int i = 0; i < SCRIPT_STREAMS; i++) {
		close_stream(&script->streams[i]);
		buf_done(&script->streams[i].line);
	}
	close(script->stdin_fd);
	/* One that survived SIGKILL (on a dead disk) is left to init rather than waited for. */
	if (script->has_exited && !proc_wait(&script->proc, &status, &ignored))
		log_warning("%s", ignored.text);
	free(script);
}

pid_t script_pid(const struct script *script)
{
	return script->proc.pid;
}

/* -- the beginning ------------------------------------------------------------------------------
 */

struct pipes {
	int read[3];
	int write[3];
};

static bool open_pipes(struct pipes *pipes, struct error *err)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return error_sys(err, "pipe");
		pipes->read[i] = ends[0];
		pipes->write[i] = ends[1];
	}
	return true;
}

static void close_pipes(struct pipes *pipes)
{
	for (int i = 0; i < 3; i++) {
		mem_cleanup_close(&pipes->read[i]);
		mem_cleanup_close(&pipes->write[i]);
	}
}

static bool spawn(struct script *script, struct pipes *pipes, struct error *err)
{
	const struct script_options *options = &script->options;
	const char *const argv[] = { options->shell, "-c", options->text, NULL };
	const struct account *account = options->account;
	struct proc_user user = { 0 };
	const struct proc_fd fds[] = {
		{ pipes->read[0], STDIN_FILENO },
		{ pipes->write[1], STDOUT_FILENO },
		{ pipes->write[2], STDERR_FILENO },
	};

	if (account)
		user = (struct proc_user){ .uid = account->uid,
					   .gid = account->gid,
					   .groups = account->groups,
					   .group_count = account->group_count };
	return proc_spawn(
		&(struct proc_options){
			.argv = argv,
			.env = options->env,
			.directory = options->directory,
			.fds = fds,
			.fd_count = COUNT_OF(fds),
			.user = account ? &user : NULL,
			.groups = options->groups,
			.group_count = options->group_count,
			.is_session_leader = true,
			/* A supervisor that is killed takes its scripts' shells along. */
			.parent_death_signal = SIGTERM },
		&script->proc, err);
}

static void watch_stream(struct script *script, enum script_stream kind, int *fd)
{
	struct stream *stream = &script->streams[kind];

	fcntl(*fd, F_SETFL, O_NONBLOCK);
	*stream = (struct stream){ .script = script, .kind = kind };
	buf_init(&stream->line, SCRIPT_LINE_MAX);
	stream->watch =
		(struct loop_watch){ .fd = take_fd(fd), .on_ready = on_output, .context = stream };
	loop_watch(script->loop, &stream->watch);
}

bool script_start(struct script **result, struct loop *loop, const struct script_options *options,
		  struct error *err)
{
	struct pipes pipes = { .read = { -1, -1, -1 }, .write = { -1, -1, -1 } };
	struct script *script = mem_alloc(sizeof(*script));

	*script = (struct script){ .loop = loop, .options = *options };
	script->timer = (struct loop_timer){ .on_expiry = on_timer, .context = script };
	script->looking = (struct loop_timer){ .on_expiry = look_again, .context = script };
	if (!open_pipes(&pipes, err) || !spawn(script, &pipes, err)) {
		close_pipes(&pipes);
		free(script);
		return false;
	}
	script->stdin_fd = take_fd(&pipes.write[0]);
	watch_stream(script, SCRIPT_STDERR, &pipes.read[2]);
	watch_stream(script, SCRIPT_STDOUT, &pipes.read[1]); /* the last one is looked at first */
	close_pipes(&pipes);
	if (options->timeout > 0)
		loop_arm(loop, &script->timer, options->timeout);
	*result = script;
	return true;
}
