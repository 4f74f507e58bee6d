/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 64 /* of one step; what is left comes with the next */

int64_t loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -- lists --------------------------------------------------------------------------------------
 */

static void link_push(struct loop_link **list, struct loop_link *link, struct loop_watch *watch)
{
	if (link->from)
		return;
	*link = (struct loop_link){ .next = *list, .from = list, .watch = watch };
	if (link->next)
		link->next->from = &link->next;
	*list = link;
}

static void link_drop(struct loop_link *link)
{
	if (!link->from)
		return;
	*link->from = link->next;
	if (link->next)
		link->next->from = link->from;
	link->from = NULL;
}

void loop_watch(struct loop *loop, struct loop_watch *watch)
{
	assert(!watch->is_watched);
	watch->is_watched = true;
	watch->is_known = false;
	watch->wants = LOOP_READ;
	watch->changed.from = watch->due.from = NULL;
	link_push(&loop->changed, &watch->changed, watch);
	loop->count++;
}

void loop_want(struct loop *loop, struct loop_watch *watch, enum loop_wants wants)
{
	assert(watch->is_watched);
	watch->wants = wants;
	if (watch->is_known && watch->told == watch->wants)
		link_drop(&watch->changed);
	else
		link_push(&loop->changed, &watch->changed, watch);
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
	if (!watch->is_watched)
		return;
	link_drop(&watch->changed);
	link_drop(&watch->due);
	watch->is_watched = false;
	loop->count--;
	if (!watch->is_known)
		return;

	/* A descriptor that was closed first would live on in epoll if a child has it too, and its
	 * events would come to a watch that is gone. */
	int result = epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);

	assert(result == 0);
	(void)result;
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

static bool tell(struct loop *loop, struct loop_watch *watch, struct error *err)
{
	struct epoll_event event = {
		.events = (watch->wants & LOOP_READ ? EPOLLIN : 0U) |
			  (watch->wants & LOOP_WRITE ? EPOLLOUT : 0U),
		.data.ptr = watch,
	};

	if (epoll_ctl(loop->epoll, watch->is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd,
		      &event) < 0)
		return error_sys(err, "watch descriptor %d", watch->fd);
	watch->is_known = true;
	watch->told = watch->wants;
	return true;
}

static bool open_epoll(struct loop *loop, struct error *err)
{
	if (loop->is_open)
		return true;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return error_sys(err, "epoll_create1");
	loop->is_open = true;
	return true;
}

bool loop_try_watch(struct loop *loop, struct loop_watch *watch, struct error *err)
{
	loop_watch(loop, watch);
	link_drop(&watch->changed);
	if (open_epoll(loop, err) && tell(loop, watch, err))
		return true;
	loop_unwatch(loop, watch);
	return false;
}

static bool tell_changes(struct loop *loop, struct error *err)
{
	if (!open_epoll(loop, err))
		return false;
	while (loop->changed) {
		struct loop_link *link = loop->changed;

		link_drop(link);
		if (!tell(loop, link->watch, err))
			return false;
	}
	return true;
}

/* A callback may free any watch, which takes it off the list: the next one is always the first. */
static void call_watches(struct loop *loop)
{
	while (loop->due) {
		struct loop_watch *watch = loop->due->watch;
		bool is_read = watch->ready & LOOP_READ;

		watch->ready &= is_read ? ~LOOP_READ : ~LOOP_WRITE;
		if (!watch->ready)
			link_drop(&watch->due);
		if (is_read)
			watch->on_ready(watch);
		else if (watch->wants & LOOP_WRITE) /* on_ready may have changed its mind */
			watch->on_writable(watch);
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
	struct epoll_event events[EVENTS_MAX];

	if (loop->count == 0 && !loop->timers)
		return error_set(err, ERROR_NOT_FOUND, "nothing left to wait for");
	if (!tell_changes(loop, err))
		return false;

	int count = epoll_wait(loop->epoll, events, EVENTS_MAX, milliseconds_left(loop));

	if (count < 0) {
		if (errno == EINTR)
			return true;
		return error_sys(err, "epoll_wait");
	}
	for (int i = 0; i < count; i++) {
		struct loop_watch *watch = events[i].data.ptr;

		watch->ready = (events[i].events & EPOLLOUT ? LOOP_WRITE : 0) |
			       (events[i].events & ~(uint32_t)EPOLLOUT ? LOOP_READ : 0);
		link_push(&loop->due, &watch->due, watch);
	}
	call_watches(loop);
	call_timers(loop);
	return true;
}

void loop_done(struct loop *loop)
{
	if (loop->is_open)
		close(loop->epoll);
	*loop = (struct loop){ 0 };
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
