/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch.h"
#include "engine/cause.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/proc.h"
#include "engine/connect.h"
#include "engine/door.h"
#include "engine/health.h"
#include "engine/hostns.h"
#include "engine/logging.h"
#include "engine/netspace.h"
#include "engine/policy.h"
#include "engine/prepare.h"
#include "engine/stale.h"
#include "engine/status.h"
#include "runtime/detach.h"
#include "runtime/self.h"

/*
 * How this works. We fork a child away from us: from the beginning it is nobody's descendant, as
 * the monitor has to be. While we make the network namespace, the child makes that of mounts,
 * mounts and writes what the monitor needs; then it takes ours, and becomes the monitor with the
 * descriptors in `struct wires`. Until then it speaks for the monitor on the same socket, so that
 * we hear of every failure in one way.
 */

#define MESSAGE_MAX     8192
#define SEND_TRIES      100
#define SEND_PAUSE_MS   10
#define DETACH_PATIENCE 1000 /* milliseconds */
/* The exit code of a container that was not started, for other reasons than its program: docker's.
 */
#define CODE_NOT_STARTED 128

/* The monitor's ends. */
struct wires {
	int client, in, out, errors;
	int door;
	int host_network; /* of a container that has its own; else -1 */
	int logger;       /* ends it by being closed; made by the child */
};

void launched_init(struct launched *launched)
{
	*launched = (struct launched){ .client = -1, .in = -1, .out = -1, .errors = -1 };
}

void launched_close(struct launched *launched)
{
	mem_cleanup_close(&launched->client);
	mem_cleanup_close(&launched->in);
	mem_cleanup_close(&launched->out);
	mem_cleanup_close(&launched->errors);
	launched_init(launched);
}

static void wires_close(struct wires *wires)
{
	mem_cleanup_close(&wires->client);
	mem_cleanup_close(&wires->in);
	mem_cleanup_close(&wires->out);
	mem_cleanup_close(&wires->errors);
	mem_cleanup_close(&wires->door);
	mem_cleanup_close(&wires->host_network);
}

/* Messages. ----------------------------------------------------------------------------------- */

static bool is_passing(int number)
{
	return number == EINTR || number == ENOBUFS || number == ENOMEM;
}

/* A monitor that did not hear us would take our end for a kill, and stop the container: where the
 * kernel has no memory for a word, it is said again. */
static void send_text(int client, const char *text, size_t length)
{
	const struct timespec pause = { .tv_nsec = SEND_PAUSE_MS * 1000000L };

	for (int tries = 0; send(client, text, length, MSG_NOSIGNAL) < 0 && is_passing(errno) &&
			    tries < SEND_TRIES;
	     tries++)
		nanosleep(&pause, NULL);
}

void launch_send_signal(int client, int signal)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "{\"signal\":%d}", signal);

	send_text(client, text, (size_t)length);
}

void launch_send_size(int client, unsigned short rows, unsigned short columns)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "{\"rows\":%d,\"columns\":%d}", rows, columns);

	send_text(client, text, (size_t)length);
}

static int fault_of(const char *kind)
{
	return strcmp(kind, "not-found") == 0        ? LAUNCH_FAULT_NOT_FOUND
	       : strcmp(kind, "not-executable") == 0 ? LAUNCH_FAULT_NOT_EXECUTABLE
						     : LAUNCH_FAULT_OTHER;
}

static bool parse_message(const char *text, size_t length, struct launch_message *message,
			  struct error *err)
{
	static const struct {
		const char *name;
		enum launch_event event;
	} events[] = { { "started", LAUNCH_STARTED },
		       { "failed", LAUNCH_FAILED },
		       { "ended", LAUNCH_ENDED },
		       { "exited", LAUNCH_EXITED },
		       { "warning", LAUNCH_WARNED } };
	autoarena struct arena arena = { 0 };
	const struct json *root;
	const char *event;
	const char *kind;
	const char *why;
	int64_t code;

	if (!json_parse(&arena, "monitor", text, length, &root, err) ||
	    !json_text(root, "event", &event, err) ||
	    !json_text_or(root, "kind", "other", &kind, err) ||
	    !json_text_or(root, "text", "", &why, err) || !json_int_or(root, "code", 0, &code, err))
		return false;
	for (size_t i = 0; i < COUNT_OF(events); i++) {
		if (strcmp(event, events[i].name) == 0)
			message->event = events[i].event;
	}
	message->code = message->event == LAUNCH_FAILED ? fault_of(kind) : (int)code;
	snprintf(message->text, sizeof(message->text), "%s", why);
	return true;
}

void launch_receive(int client, struct launch_message *message)
{
	char text[MESSAGE_MAX];
	struct error ignored; /* nonsense counts as silence */
	ssize_t length;

	*message = (struct launch_message){ .event = LAUNCH_LOST };
	do {
		length = recv(client, text, sizeof(text), 0);
		/* A monitor that has ended without reading all of ours: its last words follow. */
	} while (length < 0 && (errno == EINTR || errno == ECONNRESET));
	if (length <= 0 || !parse_message(text, (size_t)length, message, &ignored))
		message->event = LAUNCH_LOST;
}

/* The monitor hangs up when it has heard us. What it said before comes first. */
bool launch_detach(int client, struct launch_message *last)
{
	static const char text[] = "{\"detach\":true}";
	struct pollfd answer = { .fd = client, .events = POLLIN };

	send_text(client, text, sizeof(text) - 1);
	do {
		if (poll(&answer, 1, DETACH_PATIENCE) <= 0)
			return true; /* it is stopped, or the machine is: it will hear us */
		launch_receive(client, last);
	} while (last->event != LAUNCH_EXITED && last->event != LAUNCH_LOST);
	return last->event == LAUNCH_LOST;
}

/* What a child that is not the monitor yet has to say. */
static void tell(int client, const char *event, const char *text)
{
	autobuf struct buf buf;
	struct jsonout out;

	buf_init(&buf, MESSAGE_MAX);
	jsonout_init(&out, &buf, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "event", event);
	jsonout_text(&out, "text", text);
	jsonout_object_end(&out);
	jsonout_done(&out);
	send_text(client, buf.data, buf.length);
}

/* The child. ---------------------------------------------------------------------------------- */

static void add_number(struct texts *argv, struct arena *arena, const char *option, int64_t number)
{
	texts_add(argv, option);
	texts_add(argv, arena_printf(arena, "%lld", (long long)number));
}

static void add_fd(struct texts *argv, struct arena *arena, const char *option, int fd)
{
	if (fd < 0)
		return;
	fcntl(fd, F_SETFD, 0); /* this one is meant for the monitor */
	add_number(argv, arena, option, fd);
}

/* `mooring container-cleanup ID`, with the directories we were given. */
static bool add_exit_command(struct texts *argv, const struct launch *launch, struct error *err)
{
	autofree char *self = NULL;

	if (!proc_helper("mooring", &self, err))
		return false;
	const char *const words[] = { take_text(&self), "container-cleanup",
				      launch->container->id };
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		texts_add(argv, "--exit-command");
		texts_add(argv, words[i]);
	}
	setenv("MOORING_ROOT", launch->engine->root, 1);
	setenv("MOORING_RUN", launch->engine->run, 1);
	return true;
}

static bool monitor_argv(const struct launch *launch, const struct wires *wires,
			 const struct prepared *prepared, struct arena *arena, struct texts *argv,
			 struct error *err)
{
	const struct container *container = launch->container;
	autofree char *program = NULL;
	const char *path =
		arena_printf(arena, "%s/containers/%s", launch->engine->root, container->id);

	if (!proc_helper("mooring-runc", &program, err))
		return false;
	const char *const words[] = {
		arena_strdup(arena, program),
		"--root",
		arena_printf(arena, "%s/runc", launch->engine->run),
		"monitor",
		"--detached",
		"1",
		"--bundle",
		path,
		"--exit-file",
		arena_printf(arena, "%s/" CONTAINER_EXIT, path),
	};
	texts_add_all(argv, words, COUNT_OF(words));
	if (!logging_monitor_argv(container, path, arena, argv, err))
		return false;
	add_fd(argv, arena, "--client-fd", wires->client);
	add_fd(argv, arena, "--attach-fd", wires->door);
	add_fd(argv, arena, "--stdin-fd", wires->in);
	add_fd(argv, arena, "--stdout-fd", wires->out);
	add_fd(argv, arena, "--stderr-fd", wires->errors);
	add_fd(argv, arena, "--hold-fd", launch->lock);
	add_fd(argv, arena, "--hold-fd", prepared->host_network);
	add_fd(argv, arena, "--hold-fd", prepared->host_mounts);
	add_fd(argv, arena, "--hold-fd", wires->logger);
	add_fd(argv, arena, "--guard-fd", prepared->guard);
	texts_add(argv, "--journal");
	texts_add(argv, launch->engine->run);
	if (!container->is_removed_on_exit) { /* docker update may give it a policy any time */
		texts_add(argv, "--restart-file");
		texts_add(argv, arena_printf(arena, "%s/" CONTAINER_RESTART, path));
	}
	if (*container->stop_signal) {
		texts_add(argv, "--stop-signal");
		texts_add(argv, container->stop_signal);
	}
	if (container->stop_timeout >= 0)
		add_number(argv, arena, "--stop-timeout", container->stop_timeout);
	if (!add_exit_command(argv, launch, err) ||
	    !health_monitor_argv(container, arena, argv, err))
		return false;
	texts_add(argv, container->id);
	return true;
}

/* What we block or ignore is our own affair. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* refused for a few: those are never ignored */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_monitor(const struct launch *launch, struct launched *parents,
				 struct wires *wires)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts argv = { 0 };
	struct prepared prepared;
	struct error err;

	prepared_init(&prepared);
	prepared.host_network = wires->host_network;
	launched_close(parents); /* or we would not notice that the parent is gone */
	reset_signals();
	umask(022);
	if (logging_forward(launch->container, launch->lock, &wires->logger, &err) &&
	    prepare_bundle(launch->engine, launch->container, launch->lock, wires->client,
			   &prepared, &err)) {
		if (*prepared.warning)
			tell(wires->client, "warning", prepared.warning);
		if (monitor_argv(launch, wires, &prepared, &arena, &argv, &err)) {
			self_execute(argv.items[0], (char **)(uintptr_t)argv.items);
			error_sys(&err, "execute %s", argv.items[0]);
		}
	}
	(void)cause_add(launch->engine->root, launch->engine->run, &err);
	tell(wires->client, "failed", err.text);
	_exit(LAUNCH_FAULT_OTHER);
}

/* The parent. --------------------------------------------------------------------------------- */

static bool make_pipe(bool is_wanted, int *reader, int *writer, struct error *err)
{
	int ends[2];

	if (!is_wanted)
		return true;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	*reader = ends[0];
	*writer = ends[1];
	return true;
}

/* `-i` without a client: a FIFO that is its own writer, so that reading it waits, not ends. */
static bool open_kept_stdin(const struct launch *launch, int *in, struct error *err)
{
	if (!launch->container->has_open_stdin || launch->wants_stdin)
		return true;
	if (mkfifoat(launch->lock, "stdin", 0600) < 0 && errno != EEXIST)
		return error_sys(err, "make a FIFO for stdin");
	*in = openat(launch->lock, "stdin", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (*in < 0 || fcntl(*in, F_SETFL, O_RDWR) < 0)
		return error_sys(err, "open the FIFO for stdin");
	return true;
}

static bool connect_wires(const struct launch *launch, struct launched *launched,
			  struct wires *wires, struct error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket");
	launched->client = ends[0];
	wires->client = ends[1];
	return make_pipe(launch->wants_stdin, &wires->in, &launched->in, err) &&
	       make_pipe(launch->wants_stdout, &launched->out, &wires->out, err) &&
	       make_pipe(launch->wants_stderr, &launched->errors, &wires->errors, err) &&
	       door_open(launch->engine, launch->container->id, &wires->door, err) &&
	       open_kept_stdin(launch, &wires->in, err);
}

/* A new life: what the last one left is no longer true. *was_started: it has had one. */
static bool begin_life(const struct container *container, int dir, bool *is_first,
		       bool *was_started, struct error *err)
{
	static const char *const stale[] = { CONTAINER_EXIT, CONTAINER_FAILURE, CONTAINER_CONFIG,
					     CONTAINER_NETWORK };

	bool is_new = true;

	*is_first = true;
	*was_started = false;
	for (size_t i = 0; i < COUNT_OF(stale); i++) {
		if (unlinkat(dir, stale[i], 0) == 0)
			*is_first = false;
		else if (errno != ENOENT)
			return error_sys(err, "remove %s", stale[i]);
	}
	/* Who made it for this one life has just marked it. */
	if (*is_first && container->is_removed_on_exit &&
	    faccessat(dir, CONTAINER_STARTED, F_OK, 0) == 0)
		return true;
	/* `boot` starts what has been started. Who was told so is not to lose it to a power cut. */
	if (!policy_arm(container, dir, err) || !container_mark_started(dir, &is_new, err))
		return false;
	*was_started = !is_new;
	return !is_new || container->is_removed_on_exit || file_sync_dir(dir, ".", err);
}

/* Best effort: the failure itself is what the user has to hear of. One that has run before stays
 * one that has: the next boot tries again. */
static void mark_failed(const struct launch *launch, bool was_started, enum launch_fault fault,
			const char *why)
{
	autobuf struct buf text;
	struct jsonout out;
	struct error ignored;

	buf_init(&text, MESSAGE_MAX);
	if ((!was_started && unlinkat(launch->lock, CONTAINER_STARTED, 0) < 0) ||
	    launch->container->is_removed_on_exit)
		return;
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "code", fault == LAUNCH_FAULT_OTHER ? CODE_NOT_STARTED : (int)fault);
	jsonout_text(&out, "text", why);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!file_replace(launch->lock, CONTAINER_FAILURE, text.data, text.length, 0600,
			  FILE_VOLATILE, &ignored) ||
	    !prepare_undo(launch->engine, launch->container, &ignored))
		return;
}

/* Told apart from a failure: a monitor that is killed before it says so may have started it. */
static bool await_start(struct launched *launched, struct launch_message *message,
			struct error *err)
{
	do {
		launch_receive(launched->client, message);
		if (message->event == LAUNCH_WARNED)
			memcpy(launched->warning, message->text, sizeof(launched->warning));
	} while (message->event == LAUNCH_WARNED);
	if (message->event == LAUNCH_STARTED)
		return true;
	if (message->event == LAUNCH_FAILED)
		return error_set(err, ERROR_SYSTEM, "%s", message->text);
	return error_set(err, ERROR_SYSTEM, "the container's monitor ended unexpectedly");
}

/* In between is a process that is only there to be the child's parent and to end. It shares our
 * memory, and we stand still meanwhile: a copy of it would cost as much as the child itself. */
static bool fork_monitor(const struct launch *launch, struct launched *launched,
			 struct wires *wires, struct error *err)
{
	pid_t between = vfork();

	if (between < 0)
		return error_sys(err, "fork");
	if (between == 0) {
		pid_t child;
		bool has_forked = detach_fork(&child, err);

		if (has_forked && child == 0)
			be_monitor(launch, launched, wires);
		_exit(has_forked ? 0 : LAUNCH_FAULT_OTHER);
	}

	int status;

	(void)proc_reap(between, &status);
	return WIFEXITED(status) ? status == 0
				 : error_set(err, ERROR_SYSTEM, "forking the monitor was killed");
}

bool launch_container(const struct launch *launch, struct launched *launched,
		      enum launch_fault *fault, struct error *err)
{
	struct launch_message last = { .event = LAUNCH_FAILED, .code = LAUNCH_FAULT_OTHER };
	struct wires wires = { .client = -1,
			       .in = -1,
			       .out = -1,
			       .errors = -1,
			       .door = -1,
			       .host_network = -1,
			       .logger = -1 };
	bool has_own_network = netspace_is_own(launch->container);
	bool is_first = true, was_started = false;

	launched_init(launched);
	*fault = LAUNCH_FAULT_OTHER;
	if (!stale_remove(launch->engine, launch->container->id, err) ||
	    !connect_wires(launch, launched, &wires, err) ||
	    (has_own_network && !hostns_open(&wires.host_network, err)) ||
	    !begin_life(launch->container, launch->lock, &is_first, &was_started, err)) {
		wires_close(&wires);
		launched_close(launched);
		return false;
	}
	bool has_forked = fork_monitor(launch, launched, &wires, err);
	autoclose int host_network = take_fd(&wires.host_network);
	wires_close(&wires);
	if (has_forked && has_own_network)
		netspace_send(launched->client, host_network);
	bool is_started = has_forked && await_start(launched, &last, err);
	if (is_started && !is_first)
		connect_moved(launch->engine, launch->container);
	if (!is_started) {
		if (last.event == LAUNCH_FAILED)
			*fault = (enum launch_fault)last.code;
		if (last.event == LAUNCH_FAILED ||
		    !status_had_process(launch->engine, launch->container->id))
			mark_failed(launch, was_started && !launch->is_made_now, *fault, err->text);
		launched_close(launched);
	}
	return is_started;
}
