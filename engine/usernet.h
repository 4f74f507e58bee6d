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

/* What such a container asks for names. */
#define USERNET_SERVER "10.0.2.3"
/* True for the endpoint of one. */
bool usernet_is_endpoint(const struct endpoint *endpoint);

#endif
