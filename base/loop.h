/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A poll loop for programs that wait for several things at once. Watches and timers are fields of
 * their owner's structs; the loop only links them, so nothing is allocated and nothing is found by
 * number. A callback may add or remove any watch or timer, its own included.
 */

struct loop_watch {
	int fd;
	void (*on_ready)(struct loop_watch *watch); /* readable, or the other end is gone */
	void *context;
	struct loop_watch *next;
	bool is_ready; /* the loop's own */
};

struct loop_timer {
	void (*on_expiry)(struct loop_timer *timer);
	void *context;
	int64_t deadline; /* on loop_now's clock */
	struct loop_timer *next;
};

#define LOOP_WATCHES_MAX 1024

struct loop {
	struct loop_watch *watches;
	struct loop_timer *timers; /* the earliest first */
};

/* Milliseconds on a clock that goes on during suspend and never jumps. */
int64_t loop_now(void);

/* `watch` has fd, on_ready and context set, and must not be watched already. */
void loop_watch(struct loop *loop, struct loop_watch *watch);
void loop_unwatch(struct loop *loop, struct loop_watch *watch); /* not watched: nothing happens */

/* Starts the timer, or starts it anew. */
void loop_arm(struct loop *loop, struct loop_timer *timer, int64_t milliseconds);
void loop_disarm(struct loop *loop, struct loop_timer *timer); /* not armed: nothing happens */

/* Waits for the next thing to happen and calls what belongs to it. Fails with ERROR_NOT_FOUND if
 * there is nothing left to wait for. */
must_check bool loop_step(struct loop *loop, struct error *err);

/* Blocks the signals (0-terminated list) and returns a descriptor that becomes readable when one
 * arrives; loop_next_signal then gives its number, 0 if there is none. */
must_check bool loop_open_signals(const int *signals, int *fd, struct error *err);
int loop_next_signal(int fd);

#endif
