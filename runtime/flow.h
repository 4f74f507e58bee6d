/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FLOW_H
#define RUNTIME_FLOW_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copying from one descriptor to another, one of which is the caller's: no read and no write of
 * ours waits, so that who copies hears of everything else meanwhile.
 *
 * The caller's descriptors may be shared with others, whom O_NONBLOCK would hit, too: a pipe or a
 * terminal is opened once more; what cannot be is asked before each write, and gets no more than
 * what has room at once in a pipe.
 */

struct flow {
	int from, to;         /* -1: ended */
	size_t start, length; /* of the buffer: what was read and is not yet written */
	char *buffer;
	size_t size;         /* of the buffer */
	uint64_t got;        /* bytes that were read so far */
	bool is_refused;     /* nobody takes it any more, which ended it */
	bool is_to_ready;    /* `to` never makes us wait */
	int64_t rests_until; /* nothing is read before (clock_ms): others have the terminal */
};

/* The pipe or terminal that is open as `fd`, once more, so that writes do not wait; -1: it is
 * something else, or may not be opened. *is_ready: writes to what is returned, or else to `fd`,
 * never wait. */
int flow_open_again(int fd, bool *is_ready);

/* Writes will go to what is open as `opened` now, without waiting where that can be had; else to
 * `fd`, which is that later. A descriptor that was made for it is the flow's. */
void flow_aim(struct flow *flow, int opened, int fd);

/* Moves what can be moved now, of which poll has said that it is ready (flow_wish). */
void flow_move(struct flow *flow);
/* One of its halves, for who looks at what comes through. The end of either is the flow's. */
void flow_fill(struct flow *flow);
void flow_empty(struct flow *flow);

/* What to wait for; an fd of -1: nothing, or nothing yet. */
struct pollfd flow_wish(const struct flow *flow);
/* Milliseconds until it wishes for more than now; -1: they do not count. */
int flow_patience(const struct flow *flow);
/* Nothing more will come out. */
bool flow_is_over(const struct flow *flow);
/* Closes both ends, except for descriptors 0 to 2: they are the caller's. */
void flow_end(struct flow *flow);

#endif
