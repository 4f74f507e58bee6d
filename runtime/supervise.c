/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "runtime/announce.h"
#include "runtime/audience.h"
#include "runtime/container.h"
#include "runtime/exitrecord.h"
#include "runtime/notice.h"
#include "runtime/relay.h"
#include "runtime/restart.h"
#include "runtime/signame.h"
#include "runtime/slim.h"
#include "runtime/terminal.h"

/*
 * How this works. One thread, one poll. A run ends when the container's init has exited, was reaped
 * and recorded, and all output has reached those who listen; then the container may be started
 * again, with the log but without the client. Every signal is blocked, so none interrupts or kills:
 * those that concern us arrive through a signalfd, and a closed pipe or a full disk is an error.
 *
 * Stopping has three causes and one way: the client vanished, the machine shuts down, or somebody
 * asks the monitor to end. The stop signal, then after the time allowed SIGKILL.
 */

#define QUIET_MILLISECONDS 250  /* of silence, after which memory is given back */
#define AGAIN_MILLISECONDS 2000 /* between two SIGKILLs for who does not end by one */

enum {
	SLOT_SIGNALS,
	SLOT_INIT,
	SLOT_PROBE,
	SLOT_PRESS,
	SLOT_OUT,
	SLOT_ERR,
	SLOT_KEYS,
	SLOT_AUDIENCE = SLOT_KEYS + TERMINAL_CLIENTS,
	SLOTS = SLOT_AUDIENCE + AUDIENCE_SLOTS
};

struct supervisor {
	const struct supervise_options *options;
	struct container *container; /* NULL once it is gone */
	struct audience audience;
	int signals;
	int guard; /* closed before anybody hears of the last end */
	struct jsonlog log;
	struct relay relays[JSONLOG_STREAMS];
	struct terminal terminal;
	struct restart restart;
	struct probe probe;
	int64_t kill_at; /* on the monotonic clock, milliseconds; 0: not stopping */
	bool was_asked;  /* the client has passed on a signal that asks programs to end */
	bool is_quiet;   /* nothing has happened for a while: wait with little memory */
	struct slim slim;
	struct exit_record end;
	uint64_t recorded; /* lines dropped from the log, as the exit record has it */
};

/* The client. ----------------------------------------------------------------------------- */

static void forget_client(struct supervisor *self, int client)
{
	audience_dismiss(&self->audience, client);
	terminal_forget_keys(&self->terminal, client);
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		relay_forget_client(&self->relays[i], client);
}

/* Stopping. ------------------------------------------------------------------------------- */

static void signal_init(struct supervisor *self, int signal)
{
	struct error ignored; /* it cannot be signalled: it is gone, or poll will say so */

	if (self->container && !container_signal(self->container, signal, &ignored))
		return;
}

static void begin_stop(struct supervisor *self)
{
	if (self->kill_at || !self->container)
		return;
	self->kill_at = clock_ms() + (int64_t)self->options->stop_seconds * 1000;
	signal_init(self, self->options->stop_seconds ? self->options->stop_signal : SIGKILL);
}

/* It was killed. One that came later was only looking; but if it is the first one, nobody wants the
 * container any more. If it was asked to end first, then so was the container, and whoever killed
 * the client has waited as long as they mean to: a supervisor may start the next one right now. */
static void lose_client(struct supervisor *self, int client)
{
	forget_client(self, client);
	if (client != AUDIENCE_FIRST)
		return;
	begin_stop(self);
	if (self->was_asked && self->container) {
		self->kill_at = clock_ms();
		signal_init(self, SIGKILL);
	}
}

/* How long poll may sleep before there is something to do: kills, or checks the health, when the
 * time is up. -1: for ever. */
static int64_t patience(struct supervisor *self)
{
	int64_t now = clock_ms();

	if (self->kill_at && self->container) {
		if (self->kill_at > now)
			return self->kill_at - now;
		signal_init(self, SIGKILL); /* again and again, until it is gone */
		return AGAIN_MILLISECONDS;
	}
	probe_start(&self->probe, now);
	return probe_left(&self->probe, now);
}

/* Telling. -------------------------------------------------------------------------------- */

/* A client that cannot be told is gone. */
static void tell(struct supervisor *self, const struct buf *text)
{
	for (int i = 0; i < AUDIENCE_MAX; i++)
		if (audience_has(&self->audience, i) &&
		    !audience_tell(&self->audience, i, text->data, text->length))
			lose_client(self, i);
}

static void tell_started(struct supervisor *self)
{
	autobuf struct buf text;

	buf_init(&text, NOTICE_MAX);
	notice_started(&text, (int)container_pid(self->container));
	tell(self, &text);
}

static void tell_exited(struct supervisor *self)
{
	autobuf struct buf text;

	buf_init(&text, NOTICE_MAX);
	notice_exited(&text, proc_exit_code(self->end.status));
	tell(self, &text);
}

static void tell_failed(struct supervisor *self, enum container_fault fault,
			const struct error *why)
{
	autobuf struct buf text;

	buf_init(&text, NOTICE_MAX);
	notice_failed(&text, fault, why);
	tell(self, &text);
}

/* Of the signals a client may pass on. */
static bool asks_to_end(const struct supervisor *self, int signal)
{
	return signame_asks_to_end(signal) || signal == self->options->stop_signal;
}

/* Events. --------------------------------------------------------------------------------- */

static void seat_client(struct supervisor *self, int client, int in, int out, int errors)
{
	const int outputs[JSONLOG_STREAMS] = { out, errors };

	terminal_add_keys(&self->terminal, client, in);
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		relay_add_client(&self->relays[i], client, outputs[i]);
}

static void obey(struct supervisor *self, int client, struct audience_message *message)
{
	if (message->is_attaching && client != AUDIENCE_FIRST && self->container) {
		seat_client(self, client, take_fd(&message->in), take_fd(&message->out),
			    take_fd(&message->errors));
		tell_started(self);
	}
	if (message->rows)
		terminal_resize(&self->terminal, message->rows, message->columns);
	if (message->signal) {
		self->was_asked = self->was_asked || asks_to_end(self, message->signal);
		signal_init(self, message->signal);
	}
	if (message->is_detaching)
		forget_client(self, client);
	mem_cleanup_close(&message->in);
	mem_cleanup_close(&message->out);
	mem_cleanup_close(&message->errors);
}

static void on_client(struct supervisor *self, int client)
{
	struct audience_message message;

	switch (audience_receive(&self->audience, client, &message)) {
	case AUDIENCE_MESSAGE:
		obey(self, client, &message);
		break;
	case AUDIENCE_GONE:
		lose_client(self, client);
		break;
	case AUDIENCE_NOTHING:
		break;
	}
}

static void on_audience(struct supervisor *self, const struct pollfd slots[AUDIENCE_SLOTS])
{
	for (int i = 0; i < AUDIENCE_MAX; i++)
		if (slots[i].revents && audience_has(&self->audience, i))
			on_client(self, i);
	if (slots[AUDIENCE_MAX].revents)
		audience_admit(&self->audience);
}

/* The container is gone: the log has the rest. */
static void leave_slow_clients(struct supervisor *self)
{
	for (int i = 0; i < JSONLOG_STREAMS; i++) {
		relay_dismiss(&self->relays[i]);
		relay_finish(&self->relays[i]);
	}
}

static void on_signal(struct supervisor *self)
{
	struct signalfd_siginfo info;

	while (read(self->signals, &info, sizeof(info)) == sizeof(info)) {
		if (self->container)
			begin_stop(self);
		else
			leave_slow_clients(self);
	}
}

/* The end. -------------------------------------------------------------------------------- */

/* Whoever hears that it has ended may want at once what it had. */
static void let_go(struct supervisor *self)
{
	mem_cleanup_close(&self->guard);
	self->guard = -1;
}

static void record(struct supervisor *self)
{
	struct error err;

	if (!self->end.is_restarting)
		let_go(self);
	self->recorded = self->end.log_dropped = self->log.dropped;
	self->end.restart_count = self->restart.count;
	/* Nobody is left to hear of a failure. With a client there is no hurry to the disk: it
	 * reads the record at once, and most often removes it. */
	if (!exitrecord_write(&self->end, self->options->exit_file,
			      audience_has(&self->audience, AUDIENCE_FIRST) ? FILE_VOLATILE
									    : FILE_DURABLE,
			      &err))
		self->end.trouble = err;
}

static void on_exit_of_init(struct supervisor *self)
{
	struct container *container = self->container;
	struct exit_record *end = &self->end;

	if (!container_wait(container, &end->status, &end->trouble))
		end->status = 255 << 8;
	audience_tell_ended(&self->audience);
	clock_gettime(CLOCK_REALTIME, &end->finished);
	end->is_oom_killed = container_is_oom_killed(container);
	announce_end(self->options->journal, self->options->id, end);
	self->container = NULL;
	probe_end(&self->probe);
	if (!container_release(container, &end->trouble) && end->trouble.text[0] == '\0')
		end->trouble.text[0] = '?';
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		relay_finish(&self->relays[i]);
	end->is_restarting =
		!self->kill_at && restart_is_wanted(&self->restart, proc_exit_code(end->status));
	record(self);
}

/* The loop. ------------------------------------------------------------------------------- */

static bool is_over(const struct supervisor *self)
{
	return !self->container && relay_is_done(&self->relays[0]) &&
	       relay_is_done(&self->relays[1]);
}

static void fill_slots(const struct supervisor *self, struct pollfd slots[SLOTS])
{
	int init = self->container ? container_pidfd(self->container) : -1;

	slots[SLOT_SIGNALS] = (struct pollfd){ self->signals, POLLIN, 0 };
	slots[SLOT_INIT] = (struct pollfd){ init, POLLIN, 0 };
	slots[SLOT_PROBE] = (struct pollfd){ self->probe.proc.pidfd, POLLIN, 0 };
	slots[SLOT_PRESS] = (struct pollfd){ self->log.pressing.pidfd, POLLIN, 0 };
	for (int i = 0; i < JSONLOG_STREAMS; i++) {
		slots[SLOT_OUT + i] = (struct pollfd){ 0 };
		slots[SLOT_OUT + i].fd = relay_poll(&self->relays[i], &slots[SLOT_OUT + i].events);
	}
	terminal_poll(&self->terminal, &slots[SLOT_KEYS]);
	audience_poll(&self->audience, &slots[SLOT_AUDIENCE]);
}

/* Waits for any of the slots; in a long silence with as little memory as can be. */
static int wait_slots(struct supervisor *self, struct pollfd slots[SLOTS])
{
	int64_t left = patience(self);
	int ready;

	fill_slots(self, slots);
	if (self->is_quiet && (left < 0 || left > QUIET_MILLISECONDS)) {
		jsonlog_rest(&self->log);
		for (int i = 0; i < JSONLOG_STREAMS; i++)
			relay_rest(&self->relays[i]);
		ready = slim_poll(&self->slim, slots, SLOTS, left);
	} else {
		bool is_soon = left >= 0 && left < QUIET_MILLISECONDS;

		ready = poll(slots, SLOTS, is_soon ? (int)left : QUIET_MILLISECONDS);
	}
	self->is_quiet = ready == 0;
	return ready;
}

/* From the start of the container to its end. */
static void run(struct supervisor *self)
{
	struct pollfd slots[SLOTS];

	while (!is_over(self)) {
		if (wait_slots(self, slots) <= 0)
			continue;
		for (int i = 0; i < JSONLOG_STREAMS; i++) {
			if (slots[SLOT_OUT + i].revents && self->container)
				relay_move(&self->relays[i]);
			else if (slots[SLOT_OUT + i].revents)
				relay_finish(&self->relays[i]);
		}
		terminal_move(&self->terminal, &slots[SLOT_KEYS]);
		on_audience(self, &slots[SLOT_AUDIENCE]);
		if (slots[SLOT_SIGNALS].revents)
			on_signal(self);
		if (slots[SLOT_PROBE].revents)
			probe_finish(&self->probe, clock_ms());
		if (slots[SLOT_PRESS].revents)
			jsonlog_settle(&self->log);
		if (slots[SLOT_INIT].revents)
			on_exit_of_init(self);
	}
	if (self->log.dropped != self->recorded) /* a slow client held the last output back */
		record(self);
}

/* The beginning. -------------------------------------------------------------------------- */

static bool open_signals(int *fd, struct error *err)
{
	sigset_t all, wanted;

	sigfillset(&all);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGQUIT);
	sigprocmask(SIG_SETMASK, &all, NULL);
	*fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 || error_sys(err, "signalfd");
}

static bool open_relays(struct supervisor *self, int ends[JSONLOG_STREAMS], struct error *err)
{
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		if (!relay_open(&self->relays[i], (enum jsonlog_stream)i, &self->log, &ends[i],
				err))
			return false;
	if (!self->restart.count)
		seat_client(self, AUDIENCE_FIRST, -1, self->options->out, self->options->err);
	return true;
}

/* If the container has a terminal: what is typed goes in there, and what it shows takes the place
 * of the standard output. */
static void take_terminal(struct supervisor *self, int *in)
{
	int master = container_take_terminal(self->container);
	int output;

	if (master < 0)
		return;
	output = fcntl(master, F_DUPFD_CLOEXEC, 3);
	terminal_open(&self->terminal, master);
	terminal_add_keys(&self->terminal, AUDIENCE_FIRST, take_fd(in));
	if (output >= 0)
		relay_read_from(&self->relays[JSONLOG_STDOUT], output);
}

static bool launch(struct supervisor *self, int *in, const int ends[JSONLOG_STREAMS],
		   enum container_fault *fault, struct error *err)
{
	const struct supervise_options *options = self->options;
	struct container_options wanted;

	container_options_init(&wanted);
	wanted.state_root = options->state_root;
	wanted.id = options->id;
	wanted.bundle = options->bundle;
	wanted.takes_terminal = true;
	wanted.stdio[0] = *in;
	wanted.stdio[1] = ends[JSONLOG_STDOUT];
	wanted.stdio[2] = ends[JSONLOG_STDERR];
	if (!container_launch(&wanted, &self->container, fault, err))
		return false;
	take_terminal(self, in);
	return true;
}

/* The first start, or another: then without a client and its streams. */
static bool start(struct supervisor *self, enum container_fault *fault, struct error *err)
{
	autoclose int in = self->restart.count ? -1 : self->options->in;
	autoclose int out = -1;
	autoclose int errors = -1;
	int ends[JSONLOG_STREAMS] = { -1, -1 };
	bool is_open = open_relays(self, ends, err);

	out = ends[JSONLOG_STDOUT];
	errors = ends[JSONLOG_STDERR];
	self->end = (struct exit_record){ 0 };
	clock_gettime(CLOCK_REALTIME, &self->end.started);
	if (!is_open || !launch(self, &in, ends, fault, err))
		return false;
	clock_gettime(CLOCK_REALTIME, &self->end.started);
	probe_begin(&self->probe, clock_ms());
	announce_start(self->options->journal, self->options->id);
	tell_started(self);
	return true;
}

static bool begin(struct supervisor *self, enum container_fault *fault, struct error *err)
{
	const struct supervise_options *options = self->options;

	if (!open_signals(&self->signals, err))
		return false;
	if (options->log_file && !jsonlog_open(&self->log, options->log_file, options->log_max_size,
					       options->log_max_files, err))
		return false;
	self->log.attrs = options->log_attrs;
	self->log.press = options->log_press;
	return start(self, fault, err);
}

static void close_streams(struct supervisor *self)
{
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		relay_close(&self->relays[i]);
	terminal_close(&self->terminal);
}

/* Again. ---------------------------------------------------------------------------------- */

static int64_t ran_ms(const struct exit_record *end)
{
	return (int64_t)(end->finished.tv_sec - end->started.tv_sec) * 1000 +
	       (end->finished.tv_nsec - end->started.tv_nsec) / 1000000;
}

/* The pause before another start. False: somebody does not want it any more. */
static bool pause_before_restart(struct supervisor *self)
{
	int64_t until = clock_ms() + restart_pause(&self->restart, ran_ms(&self->end));
	int code = proc_exit_code(self->end.status);

	for (int64_t left; (left = until - clock_ms()) > 0;) {
		struct pollfd slots[] = { { self->signals, POLLIN, 0 },
					  { self->restart.watch, POLLIN, 0 } };

		if (poll(slots, COUNT_OF(slots), (int)left) < 0)
			continue;
		if (slots[0].revents ||
		    (slots[1].revents && !restart_is_wanted(&self->restart, code)))
			return false;
	}
	return restart_is_wanted(&self->restart, code);
}

#define CODE_OTHER 128 /* docker's, of a container that could not be started again */

static void record_failed_start(struct supervisor *self, enum container_fault fault,
				const struct error *err)
{
	static const int codes[] = {
		[CONTAINER_FAULT_OTHER] = CODE_OTHER,
		[CONTAINER_FAULT_NOT_EXECUTABLE] = 126,
		[CONTAINER_FAULT_NOT_FOUND] = 127,
	};

	self->end.status = codes[fault] << 8;
	self->end.finished = self->end.started;
	self->end.trouble = *err;
	record(self);
}

/* After a run: another, if the policy wants it. */
static bool restart(struct supervisor *self)
{
	enum container_fault fault = CONTAINER_FAULT_OTHER;
	struct error err;
	bool is_wanted = self->end.is_restarting && pause_before_restart(self);

	restart_unwatch(&self->restart);
	self->restart.count += self->end.is_restarting; /* or given up: as readers say */
	if (!is_wanted) {
		if (self->end.is_restarting) {
			self->end.is_restarting = false;
			record(self);
		}
		return false;
	}
	close_streams(self);
	if (start(self, &fault, &err))
		return true;
	record_failed_start(self, fault, &err);
	return false;
}

/* True: the client was there to the end, and was told. One that is told of an end that is not the
 * last is let go. */
static bool live(struct supervisor *self)
{
	bool is_known;

	do {
		bool was_attached = audience_has(&self->audience, AUDIENCE_FIRST);

		run(self);
		tell_exited(self);
		is_known = was_attached && audience_has(&self->audience, AUDIENCE_FIRST);
		if (self->end.is_restarting) {
			is_known = false;
			for (int i = 0; i < AUDIENCE_MAX; i++)
				forget_client(self, i);
		}
	} while (restart(self));
	return is_known;
}

bool supervise(const struct supervise_options *options)
{
	struct supervisor self = { .options = options, .signals = -1, .guard = options->guard };
	enum container_fault fault = CONTAINER_FAULT_OTHER;
	bool is_known = true;
	struct error err;

	slim_init(&self.slim);
	audience_init(&self.audience, options->client, options->door);
	jsonlog_init(&self.log);
	terminal_init(&self.terminal);
	probe_init(&self.probe, &options->probe);
	restart_init(&self.restart, options->restart_file);
	for (int i = 0; i < JSONLOG_STREAMS; i++)
		relay_init(&self.relays[i]);
	if (begin(&self, &fault, &err)) {
		is_known = live(&self);
	} else {
		let_go(&self);
		tell_failed(&self, fault, &err);
	}
	close_streams(&self);
	jsonlog_close(&self.log);
	mem_cleanup_close(&self.signals);
	audience_close(&self.audience);
	return is_known;
}
