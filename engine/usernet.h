/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_USERNET_H
#define ENGINE_USERNET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/bag.h"
#include "engine/endpoint.h"
#include "engine/engine.h"

/*
 * A network for who may make no bridge on the host: slirp4netns, a program of the user's, carries
 * the container's packets as connections of its own, and listens on the host for published ports.
 *
 *	container eth0 10.0.2.100/24 ── tap ── slirp4netns ── sockets of the user
 *
 * It ends when the bag is closed.
 */

/* The host's network is somebody else's: we are root of a user namespace alone. */
bool usernet_is_needed(void);

struct usernet {
	pid_t helper; /* 0: none */
	int go;       /* a byte on it starts the program; closed, it never does */
	int ready;
	const char *api; /* the path of its socket */
};

#define USERNET_NONE                                                                               \
	(struct usernet)                                                                           \
	{                                                                                          \
		.go = -1, .ready = -1                                                              \
	}

/* In the host's namespace: finds the program, reserves the ports, and forks what will execute it
 * for the namespace that this process goes into next. */
must_check bool usernet_begin(const struct engine *engine, const struct container *container,
			      struct arena *arena, struct endpoints *endpoints,
			      struct usernet *usernet, struct bag *bag, struct error *err);
/* In the container's: starts it, and has it publish the ports. */
must_check bool usernet_finish(struct usernet *usernet, const struct endpoints *endpoints,
			       struct error *err);
void usernet_close(struct usernet *usernet);

/* The program, for who uses it in his own way (hub.h). -------------------------------------------
 */

#define USERNET_PROGRAM_MAX 64
#define USERNET_ANSWER_MAX  512

must_check bool usernet_find_program(char path[USERNET_PROGRAM_MAX], struct error *err);
/* Chooses host's ports, in its namespace: IPv4 alone, as the program can do no more. */
must_check bool usernet_choose_ports(const struct engine *engine, const struct container *container,
				     struct arena *arena, struct endpoints *endpoints,
				     struct error *err);
/* Forks what will execute it for the namespace that this process goes into next, after a byte on
 * usernet->go; it ends when `life` hangs up. Its socket is usernet->api. What is to be closed in
 * the child, but not by an exec, is `other_end`. */
must_check bool usernet_fork(const char *program, struct usernet *usernet, const char *device,
			     int life, int other_end, struct error *err);
must_check bool usernet_start(struct usernet *usernet, struct error *err);
/* Asks the running program. A refusal is a failure. */
must_check bool usernet_ask(const char *api, const char *text, char answer[USERNET_ANSWER_MAX],
			    struct error *err);
/* Has it listen for a port, and lead to guest_port; *id is for its end. */
must_check bool usernet_listen(const char *api, const struct published *port, uint16_t guest_port,
			       int *id, struct error *err);
/* The descriptor of the namespace that the program keeps. */
#define USERNET_SPACE_FD 5

/* What such a container asks for names. */
#define USERNET_SERVER "10.0.2.3"
/* True for the endpoint of one. */
bool usernet_is_endpoint(const struct endpoint *endpoint);

#endif
