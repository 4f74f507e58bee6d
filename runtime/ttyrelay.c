/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ttyrelay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "runtime/flow.h"
#include "runtime/service.h"
#include "runtime/signame.h"

/*
 * Nothing here waits for the container's terminal to take what was typed: a program that is stuck
 * because we do not read what it says would never read what is typed. Nor for the caller's to take
 * what is shown (flow.h): who stops it with a key is still heard, and the program's end seen.
 */

#define TYPED_MAX    4096           /* bytes at a time */
#define SHOWN_MAX    4096           /* the same */
#define MODE_UNKNOWN (~(tcflag_t)0) /* it changed while the key was given */

struct relay {
	const struct foreground *child;
	struct detachkeys keys;
	int master; /* -1: it has hung up, or there is none */
	int signals;
	struct flow shown; /* by the terminal */
	char shown_room[SHOWN_MAX];
	bool is_input_open;
	char typed[TYPED_MAX + DETACHKEYS_MAX]; /* what the terminal has not taken yet … */
	size_t start, length;                   /* … of it */
	bool was_left;                          /* by the user's keys */
	bool is_told_to_end;                    /* by a signal that nobody else can get any more */
	bool is_ready;                          /* and its manager knows */
	struct termios saved;
	bool is_raw;
	bool is_end_told; /* our stdin has ended: the key for it was given … */
	tcflag_t told_to; /* … to a terminal that was so (ICANON) */
};

/* Of whichever of our streams is the terminal. */
static void copy_size(int master)
{
	struct winsize size;

	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(master, TIOCSWINSZ, &size);
			return;
		}
	}
}

/* Keys go through as they are: the container's terminal makes signals and echoes of them. */
static void make_raw(struct relay *relay)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &relay->saved) < 0)
		return; /* not a terminal */
	raw = relay->saved;
	cfmakeraw(&raw);
	if (!relay->child->is_screen_whole) /* it leaves returns to us */
		raw.c_oflag = relay->saved.c_oflag;
	relay->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void give_typed(struct relay *relay)
{
	ssize_t count = write(relay->master, relay->typed + relay->start, relay->length);

	if (count < 0 && errno != EAGAIN && errno != EINTR) {
		relay->is_input_open = false; /* nobody will ever read it */
		relay->length = 0;
	}
	if (count > 0) {
		relay->start += (size_t)count;
		relay->length -= (size_t)count;
	}
}

/* How the program has set its terminal; false: it is gone. */
static bool read_mode(const struct relay *relay, tcflag_t *mode, char *end_key)
{
	struct termios now;

	if (tcgetattr(relay->master, &now) < 0)
		return false;
	*mode = now.c_lflag & ICANON;
	*end_key = now.c_cc[VEOF] != _POSIX_VDISABLE ? (char)now.c_cc[VEOF] : 'D' - '@';
	return true;
}

static void tell_end(struct relay *relay)
{
	tcflag_t after;
	char key;

	if (!read_mode(relay, &relay->told_to, &key))
		return;
	relay->is_end_told = true;
	relay->typed[0] = key;
	relay->start = 0;
	relay->length = 1;
	give_typed(relay);
	if (relay->length > 0 || !read_mode(relay, &after, &key) || after != relay->told_to)
		relay->told_to = MODE_UNKNOWN;
}

/* The end of a file or pipe is a key on a terminal. Our own terminal sends the key itself. */
static void end_input(struct relay *relay)
{
	relay->is_input_open = false;
	if (!relay->is_raw)
		tell_end(relay);
}

/*
 * A shell edits its lines itself: it makes its terminal raw before it prompts. A key that was given
 * before that is then read as a NUL, which is no end. So who changed the mode before he wrote is
 * told again.
 */
static void tell_end_again(struct relay *relay)
{
	tcflag_t mode;
	char key;

	if (relay->is_end_told && relay->length == 0 && read_mode(relay, &mode, &key) &&
	    mode != relay->told_to)
		tell_end(relay);
}

/* Once the last of it was taken. */
static void take_typed(struct relay *relay)
{
	char typed[TYPED_MAX];
	ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		end_input(relay);
	} else {
		relay->start = 0;
		relay->was_left = detachkeys_filter(&relay->keys, typed, (size_t)got, relay->typed,
						    &relay->length);
	}
	if (relay->length > 0)
		give_typed(relay);
}

static bool handle_signal(struct relay *relay, bool has_ended, struct error *err)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return error_sys(err, "read a signal");
	int signal = (int)info.ssi_signo;

	if (signal == SIGWINCH)
		copy_size(relay->master);
	if (signal == SIGWINCH || signal == SIGPIPE) /* ours: the flow sees it */
		return true;
	relay->is_told_to_end = has_ended && signame_asks_to_end(signal);
	return foreground_take_signal(relay->child, signal, err);
}

/* A manager that cannot be reached does not end the container. */
static void pass_on(struct relay *relay)
{
	const struct foreground *child = relay->child;
	struct error err;

	if (!service_pass_on(child->notify_socket, child->notify, getpid(), &relay->is_ready, &err))
		log_warning("%s", err.text);
}

/* Nobody takes what is shown: as when a terminal's window is closed. */
static void hang_up(struct relay *relay)
{
	mem_cleanup_close(&relay->master);
	relay->master = -1;
	relay->is_input_open = false;
	relay->length = 0;
	if (relay->child->keeper >= 0)
		shutdown(relay->child->keeper, SHUT_WR);
}

static void show(struct relay *relay)
{
	bool is_taken = relay->shown.length == 0;

	flow_move(&relay->shown);
	if (is_taken && relay->shown.from >= 0)
		tell_end_again(relay);
	if (relay->shown.is_refused)
		hang_up(relay);
}

/* What init wrote last is still in the terminal; where its reader has stopped it, that waits. */
static bool is_over(const struct relay *relay, short ended, short shown)
{
	return relay->was_left || relay->is_told_to_end ||
	       (ended && !shown && relay->shown.length == 0);
}

static bool relay_until_exit(struct relay *relay, struct error *err)
{
	for (;;) {
		bool is_typing = relay->is_input_open && relay->length == 0;
		struct pollfd fds[] = {
			{ .fd = is_typing ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = relay->length > 0 ? relay->master : -1, .events = POLLOUT },
			flow_wish(&relay->shown),
			{ .fd = relay->signals, .events = POLLIN },
			{ .fd = relay->child->notify_socket, .events = POLLIN },
			{ .fd = relay->child->pidfd, .events = POLLIN },
		};

		if (poll(fds, COUNT_OF(fds), -1) < 0) {
			if (errno != EINTR)
				return error_sys(err, "wait for the terminal");
			continue;
		}
		if (fds[2].revents)
			show(relay);
		if (fds[1].revents && relay->master >= 0)
			give_typed(relay);
		if (fds[0].revents && relay->master >= 0)
			take_typed(relay);
		if (fds[3].revents && !handle_signal(relay, fds[5].revents, err))
			return false;
		if (fds[4].revents)
			pass_on(relay);
		if (is_over(relay, fds[5].revents, fds[2].revents))
			return true;
	}
}

static void open_terminal(struct relay *relay)
{
	fcntl(relay->master, F_SETFL, O_RDWR | O_NONBLOCK);
	copy_size(relay->master);
	relay->shown = (struct flow){ .from = fcntl(relay->master, F_DUPFD_CLOEXEC, 3),
				      .buffer = relay->shown_room,
				      .size = SHOWN_MAX };
	flow_aim(&relay->shown, STDOUT_FILENO, STDOUT_FILENO);
	if (relay->is_input_open)
		make_raw(relay);
}

bool ttyrelay_run(const struct foreground *child, enum foreground_end *end, struct error *err)
{
	struct relay relay = { .child = child,
			       .keys = child->keys,
			       .master = child->master,
			       .shown = { .from = -1, .to = -1 },
			       .is_input_open = child->master >= 0 && !child->is_deaf };
	sigset_t all;
	bool is_good;

	sigfillset(&all);
	autoclose int signals = signalfd(-1, &all, SFD_CLOEXEC);

	if (signals < 0)
		return error_sys(err, "open a signal descriptor");
	relay.signals = signals;
	if (relay.master >= 0)
		open_terminal(&relay);
	is_good = relay_until_exit(&relay, err);
	if (relay.is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &relay.saved);
	flow_end(&relay.shown);
	mem_cleanup_close(&relay.master);
	*end = relay.was_left ? FOREGROUND_LEFT : FOREGROUND_OVER;
	return is_good;
}
