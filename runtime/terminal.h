/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TERMINAL_H
#define RUNTIME_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The monitor's side of a container with a terminal: keys of the clients go in here. What comes
 * out is a stream like any other: see relay.h.
 */

#define TERMINAL_KEYS_MAX 1024 /* bytes on their way in; the clients wait for the rest */
#define TERMINAL_CLIENTS  4

struct terminal {
	int master;                 /* -1: the container has none */
	int keys[TERMINAL_CLIENTS]; /* the clients' ends; -1: none, or it has ended */
	char pending[TERMINAL_KEYS_MAX];
	size_t start, length; /* of what the terminal has not taken yet */
};

void terminal_init(struct terminal *terminal);
/* Takes the descriptor over. */
void terminal_open(struct terminal *terminal, int master);
/* What this client types goes in from now on. Takes `keys` over, which may be -1. */
void terminal_add_keys(struct terminal *terminal, int client, int keys);
/* No more keys of this client's will come. */
void terminal_forget_keys(struct terminal *terminal, int client);
/* What to wait for before terminal_move: fills as many entries as there are clients. */
void terminal_poll(const struct terminal *terminal, struct pollfd fds[TERMINAL_CLIENTS]);
/* Moves keys without waiting, of those clients that have typed. */
void terminal_move(struct terminal *terminal, const struct pollfd fds[TERMINAL_CLIENTS]);
void terminal_resize(const struct terminal *terminal, unsigned short rows, unsigned short columns);
void terminal_close(struct terminal *terminal);

#endif
