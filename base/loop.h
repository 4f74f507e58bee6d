/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The event loop (epoll) of every program that waits for several things at once. Watches and timers
 * are fields of their owner's structs; the loop only links them, so nothing is allocated and
 * nothing is found by number. A callback may add or remove any watch or timer, its own included.
 *
 * To watch, and to change what is wanted, costs no system call: what has changed is told to the
 * kernel at the next step, and a change that was taken back is never told. A loop stays where it is
 * while something is watched: the watches point to it.
 */

enum loop_wants {
	LOOP_READ = 1,  /* how every watch begins */
	LOOP_WRITE = 2, /* while something waits to be written that found no room */
};

/* A place on one of the loop's lists. */
struct loop_link {
	struct loop_link *next;
	struct loop_link **from; /* what points here; NULL: on no list */
	struct loop_watch *watch;
};

struct loop_watch {
	int fd; /* whatever epoll takes: no regular file */
	/* There is something to read, or the other end is gone: the latter is told whatever is
	 * wanted, again and again until the watch is removed. */
	void (*on_ready)(struct loop_watch *watch);
	/* There is room to write; only LOOP_WRITE needs it. Comes after on_ready if both are due.
	 */
	void (*on_writable)(struct loop_watch *watch);
	void *context;

	/* The loop's own. */
	struct loop_link changed, due;
	unsigned char wants, told; /* enum loop_wants: now, and as the kernel knows it */
	unsigned char ready;       /* what of it is due */
	bool is_watched, is_known; /* by the loop, by the kernel */
};

struct loop_timer {
	void (*on_expiry)(struct loop_timer *timer);
	void *context;
	int64_t deadline; /* on loop_now's clock */
	struct loop_timer *next;
};

/* Zero-initialised is empty and ready. */
struct loop {
	struct loop_timer *timers; /* the earliest first */
	size_t count;              /* of watches */
	struct loop_link *changed; /* to be told to the kernel */
	struct loop_link *due;     /* to be called */
	bool is_open;              /* epoll is a descriptor */
	int epoll;
};

/* Milliseconds on a clock that goes on during suspend and never jumps. */
int64_t loop_now(void);

/* `watch` has fd, on_ready and context set, and must not be watched already. */
void loop_watch(struct loop *loop, struct loop_watch *watch);
/* The same, but the kernel is told at once: for a descriptor that others gave, which perhaps cannot
 * be waited for. If it fails it is not watched, and the loop goes on. */
must_check bool loop_try_watch(struct loop *loop, struct loop_watch *watch, struct error *err);
/* What it waits for from now on; 0 is nothing but the end of the other side. */
void loop_want(struct loop *loop, struct loop_watch *watch, enum loop_wants wants);
/* Not watched: nothing happens. To be called before the descriptor is closed. */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* Starts the timer, or starts it anew. */
void loop_arm(struct loop *loop, struct loop_timer *timer, int64_t milliseconds);
void loop_disarm(struct loop *loop, struct loop_timer *timer); /* not armed: nothing happens */

/* Waits for the next thing to happen and calls what belongs to it. Fails with ERROR_NOT_FOUND if
 * there is nothing left to wait for. */
must_check bool loop_step(struct loop *loop, struct error *err);

/* Forgets all watches and timers, and is empty and ready again. */
void loop_done(struct loop *loop);

/* Blocks the signals (0-terminated list) and returns a descriptor that becomes readable when one
 * arrives; loop_next_signal then gives its number, 0 if there is none. */
must_check bool loop_open_signals(const int *signals, int *fd, struct error *err);
int loop_next_signal(int fd);

#endif
