/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TERMINAL_H
#define RUNTIME_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The monitor's side of a container with a terminal: keys of the client go in here. What comes
 * out is a stream like any other: see relay.h.
 */

#define TERMINAL_KEYS_MAX 1024 /* bytes on their way in; the client waits for the rest */

struct terminal {
	int master; /* -1: the container has none */
	int keys;   /* the client's end; -1: none, or it has ended */
	char pending[TERMINAL_KEYS_MAX];
	size_t start, length; /* of what the terminal has not taken yet */
};

void terminal_init(struct terminal *terminal);
/* Takes both descriptors over; keys may be -1. */
void terminal_open(struct terminal *terminal, int master, int keys);
/* What to wait for before terminal_move; fd -1: nothing. */
struct pollfd terminal_poll(const struct terminal *terminal);
/* Moves keys without waiting. */
void terminal_move(struct terminal *terminal);
/* No more keys will come. */
void terminal_forget_keys(struct terminal *terminal);
void terminal_resize(const struct terminal *terminal, unsigned short rows, unsigned short columns);
void terminal_close(struct terminal *terminal);

#endif
