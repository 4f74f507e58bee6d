/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_RELAY_H
#define RUNTIME_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/jsonlog.h"

/*
 * One output stream of a container: from its pipe to the log and to the attached clients.
 *
 * What has been read is logged at once; it is read no faster than the clients take it, so a slow
 * client slows the container down and nothing grows. A client that closes its end is forgotten. No
 * write waits: a terminal that was stopped by a key would hold up whoever asks the monitor.
 */

#define RELAY_BUFFER  32768
#define RELAY_CLIENTS 4

struct relay {
	int from; /* -1: ended */
	enum jsonlog_stream stream;
	struct jsonlog *log;
	char *buffer;  /* RELAY_BUFFER bytes */
	size_t length; /* of what was read last; 0: all clients have it */
	struct relay_client {
		int to;        /* -1: nobody listens */
		bool is_ready; /* it never makes us wait; else it is asked first */
		size_t done;   /* bytes of the buffer that this one has taken */
	} clients[RELAY_CLIENTS];
};

/* Closed, without clients. */
void relay_init(struct relay *relay);
/* Makes the pipe; the container's end is returned. */
must_check bool relay_open(struct relay *relay, enum jsonlog_stream stream, struct jsonlog *log,
			   int *container_end, struct error *err);
/* What is read from now on goes to this client too. Takes `to` over, which may be -1. */
void relay_add_client(struct relay *relay, int client, int to);
/* Reads from this descriptor, which is taken over, instead of the pipe. */
void relay_read_from(struct relay *relay, int fd);
void relay_close(struct relay *relay);

/* The container's end is readable, or a client takes more: moves what can be moved now. */
void relay_move(struct relay *relay);
/* The container is gone: takes what is still in the pipe, and waits for no one to write more. */
void relay_finish(struct relay *relay);
/* It does not listen any more; what it has not taken yet is dropped (the log has it). */
void relay_forget_client(struct relay *relay, int client);
/* The same for all of them. */
void relay_dismiss(struct relay *relay);
/* Nothing more will come, and the clients have all of it. */
bool relay_is_done(const struct relay *relay);
/* The descriptor and events to poll for; -1 if there is nothing to wait for. */
int relay_poll(const struct relay *relay, short *events);
/* Gives memory back that holds nothing. */
void relay_rest(struct relay *relay);

#endif
