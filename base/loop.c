/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

int64_t loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -- lists --------------------------------------------------------------------------------------
 */

void loop_watch(struct loop *loop, struct loop_watch *watch)
{
	watch->is_ready = false;
	watch->next = loop->watches;
	loop->watches = watch;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
	for (struct loop_watch **link = &loop->watches; *link; link = &(*link)->next) {
		if (*link == watch) {
			*link = watch->next;
			return;
		}
	}
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	for (struct loop_timer **link = &loop->timers; *link; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			return;
		}
	}
}

void loop_arm(struct loop *loop, struct loop_timer *timer, int64_t milliseconds)
{
	int64_t now = loop_now();

	loop_disarm(loop, timer);

	struct loop_timer **link = &loop->timers;

	timer->deadline = milliseconds > INT64_MAX - now ? INT64_MAX : now + milliseconds;
	while (*link && (*link)->deadline <= timer->deadline)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
}

/* -- waiting ------------------------------------------------------------------------------------
 */

static int milliseconds_left(const struct loop *loop)
{
	if (!loop->timers)
		return -1;

	int64_t left = loop->timers->deadline - loop_now();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* A callback may free any watch, so the list is searched anew after each one. */
static void call_watches(struct loop *loop)
{
	struct loop_watch *watch = loop->watches;

	while (watch) {
		if (!watch->is_ready) {
			watch = watch->next;
			continue;
		}
		watch->is_ready = false;
		watch->on_ready(watch);
		watch = loop->watches;
	}
}

/* `now` is read once: a timer that arms itself again and again cannot starve the watches. */
static void call_timers(struct loop *loop)
{
	int64_t now = loop_now();

	while (loop->timers && loop->timers->deadline <= now) {
		struct loop_timer *timer = loop->timers;

		loop->timers = timer->next;
		timer->on_expiry(timer);
	}
}

bool loop_step(struct loop *loop, struct error *err)
{
	struct pollfd polls[LOOP_WATCHES_MAX];
	nfds_t count = 0;

	for (struct loop_watch *watch = loop->watches; watch && count < LOOP_WATCHES_MAX;
	     watch = watch->next)
		polls[count++] = (struct pollfd){ .fd = watch->fd, .events = POLLIN };
	if (count == 0 && !loop->timers)
		return error_set(err, ERROR_NOT_FOUND, "nothing left to wait for");
	if (poll(polls, count, milliseconds_left(loop)) < 0) {
		if (errno == EINTR)
			return true;
		return error_sys(err, "poll");
	}
	nfds_t i = 0;
	for (struct loop_watch *watch = loop->watches; watch && i < count; watch = watch->next)
		watch->is_ready = polls[i++].revents != 0;
	call_watches(loop);
	call_timers(loop);
	return true;
}

/* -- signals ------------------------------------------------------------------------------------
 */

bool loop_open_signals(const int *signals, int *fd, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, "block signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*fd < 0)
		return error_sys(err, "signalfd");
	return true;
}

int loop_next_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
