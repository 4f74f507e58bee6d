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
 * slirp4netns: a program of the user's that is the way out of a network namespace for who may make
 * none on the host (hub.h). It carries packets as connections of its own, and listens on the host
 * for published ports.
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

void usernet_close(struct usernet *usernet);

#define USERNET_PROGRAM_MAX 64
#define USERNET_ANSWER_MAX  512

/* Fails with a remedy where it is not installed, or cannot have the device that it needs. */
must_check bool usernet_find_program(char path[USERNET_PROGRAM_MAX], struct error *err);
/* Adds an endpoint that there will be: its id, and what decides at which address ports are
 * published. */
void usernet_expect(const struct engine *engine, const struct container *container,
		    const struct container_network *wanted, struct arena *arena,
		    struct endpoints *endpoints);
/* Chooses host's ports, in its namespace, for the container's networks and those expected before.
 * Of IPv6 it listens by itself, as the program can do no more than IPv4: see proxied.h. */
must_check bool usernet_choose_ports(const struct engine *engine, const struct container *container,
				     struct arena *arena, struct endpoints *endpoints,
				     struct bag *listeners, struct error *err);
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

/* Its addresses: who asks there for names is answered by the host's servers; what it takes for its
 * one guest, and the way out, where IPv6 is wanted (IPv4 it sets itself). */
#define USERNET_SERVER   "10.0.2.3"
#define USERNET_ADDRESS6 "fd00::100/64"
#define USERNET_GATEWAY6 "fd00::2"

#endif
