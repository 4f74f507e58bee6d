/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_AUDIENCE_H
#define RUNTIME_AUDIENCE_H

#include <assert.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/relay.h"
#include "runtime/terminal.h"

/*
 * The monitor's clients: the one that had the container started, and those that attach to it later
 * through a listening socket. Each is a SOCK_SEQPACKET connection with one JSON object per packet.
 *
 * A later client's first packet is {"attach":["stdin","stdout","stderr"]} with one descriptor for
 * each that it names; until then, and after its end, it costs nothing and hears nothing.
 */

#define AUDIENCE_MAX   4
#define AUDIENCE_FIRST 0 /* the client that had the container started */

static_assert(AUDIENCE_MAX <= RELAY_CLIENTS && AUDIENCE_MAX <= TERMINAL_CLIENTS,
	      "a client has the same number everywhere");

struct audience {
	int door;                  /* listening; -1: nobody can come later */
	int clients[AUDIENCE_MAX]; /* -1: a free seat */
};

/* What a client sends. Members that are not there: 0, false. */
struct audience_message {
	int signal;
	unsigned short rows, columns;
	bool is_detaching;
	bool is_attaching;
	int in, out, errors; /* if is_attaching; the receiver's; -1: not given */
};

/* Takes both over; -1: none. */
void audience_init(struct audience *audience, int first, int door);
bool audience_has(const struct audience *audience, int client);
/* AUDIENCE_MAX entries for the clients and one for the door. */
#define AUDIENCE_SLOTS (AUDIENCE_MAX + 1)
void audience_poll(const struct audience *audience, struct pollfd slots[AUDIENCE_SLOTS]);
/* The door is readable: somebody has come. Without a free seat they are turned away. */
void audience_admit(struct audience *audience);

enum audience_word {
	AUDIENCE_NOTHING, /* there is no packet, or it is nonsense */
	AUDIENCE_MESSAGE,
	AUDIENCE_GONE, /* it has hung up */
};
enum audience_word audience_receive(const struct audience *audience, int client,
				    struct audience_message *message);
/* False: it cannot be told, which means that it is gone. */
bool audience_tell(const struct audience *audience, int client, const char *text, size_t length);
/* Tells the first client, who may be going to remove the container, that it can begin. */
void audience_tell_ended(const struct audience *audience);
void audience_dismiss(struct audience *audience, int client);
void audience_close(struct audience *audience);

#endif
