/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ttyrelay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/kernel.h"
#include "runtime/service.h"

struct relay {
	const struct foreground *child;
	struct detachkeys keys;
	int master;
	int signals;
	bool is_input_open;
	bool was_left; /* by the user's keys */
	bool is_ready; /* and its manager knows */
	struct termios saved;
	bool is_raw;
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

/* False at the end of the stream. A master whose last slave is closed gives EIO. */
static bool copy(int from, int to)
{
	struct error ignored;
	char chunk[4096];
	ssize_t got = read(from, chunk, sizeof(chunk));

	if (got < 0 && errno == EINTR)
		return true;
	return got > 0 && file_write(to, "terminal", chunk, (size_t)got, &ignored);
}

/* False at the end of what is typed, or when the user leaves. */
static bool copy_typed(struct relay *relay)
{
	struct error ignored;
	char typed[4096];
	char passed[sizeof(typed) + DETACHKEYS_MAX];
	size_t length;
	ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));

	if (got < 0 && errno == EINTR)
		return true;
	if (got <= 0)
		return false;
	relay->was_left = detachkeys_filter(&relay->keys, typed, (size_t)got, passed, &length);
	return file_write(relay->master, "terminal", passed, length, &ignored) && !relay->was_left;
}

/* The end of a file or pipe is a key on a terminal. Our own terminal sends the key itself. */
static void end_input(struct relay *relay)
{
	static const char key[] = { 'D' - '@' }; /* the default of VEOF */
	struct error ignored;

	relay->is_input_open = false;
	if (!relay->is_raw && !file_write(relay->master, "terminal", key, sizeof(key), &ignored))
		return;
}

static bool handle_signal(struct relay *relay, struct error *err)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return error_sys(err, "read a signal");
	if (info.ssi_signo == SIGWINCH)
		copy_size(relay->master);
	else if (info.ssi_signo == SIGCHLD)
		foreground_reap(relay->child->pid);
	else if (info.ssi_signo != SIGURG &&
		 kernel_pidfd_signal(relay->child->pidfd, (int)info.ssi_signo) < 0 &&
		 errno != ESRCH)
		return error_sys(err, "signal the container");
	return true;
}

/* A manager that cannot be reached does not end the container. */
static void pass_on(struct relay *relay)
{
	const struct foreground *child = relay->child;
	struct error err;

	if (!service_pass_on(child->notify_socket, child->notify, getpid(), &relay->is_ready, &err))
		log_warning("%s", err.text);
}

static bool relay_until_exit(struct relay *relay, struct error *err)
{
	bool is_output_open = relay->master >= 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = relay->is_input_open ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = is_output_open ? relay->master : -1, .events = POLLIN },
			{ .fd = relay->signals, .events = POLLIN },
			{ .fd = relay->child->notify_socket, .events = POLLIN },
			{ .fd = relay->child->pidfd, .events = POLLIN },
		};

		if (poll(fds, COUNT_OF(fds), -1) < 0 && errno != EINTR)
			return error_sys(err, "wait for the terminal");
		if (fds[1].revents)
			is_output_open = copy(relay->master, STDOUT_FILENO);
		if (fds[0].revents && !copy_typed(relay) && !relay->was_left)
			end_input(relay);
		if (fds[2].revents && !handle_signal(relay, err))
			return false;
		if (fds[3].revents)
			pass_on(relay);
		/* What init wrote last is still in the terminal. */
		if (relay->was_left || (fds[4].revents && !fds[1].revents))
			return true;
	}
}

bool ttyrelay_run(const struct foreground *child, enum foreground_end *end, struct error *err)
{
	struct relay relay = { .child = child,
			       .keys = child->keys,
			       .master = child->master,
			       .is_input_open = child->master >= 0 && !child->is_deaf };
	sigset_t all;
	bool is_good;

	sigfillset(&all);
	autoclose int signals = signalfd(-1, &all, SFD_CLOEXEC);

	if (signals < 0)
		return error_sys(err, "open a signal descriptor");
	relay.signals = signals;
	if (relay.master >= 0) {
		copy_size(relay.master);
		if (relay.is_input_open)
			make_raw(&relay);
	}
	is_good = relay_until_exit(&relay, err);
	if (relay.is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &relay.saved);
	*end = relay.was_left ? FOREGROUND_LEFT : FOREGROUND_OVER;
	return is_good;
}
