/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PROXIED_H
#define ENGINE_PROXIED_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/bag.h"
#include "engine/endpoint.h"

/* Published ports that mooring-portproxy carries (portproxy.h): those at IPv6 addresses, where
 * networks are a user's own. */

/* In the host's namespace: a listening socket for each of them, in their order, into `listeners`,
 * which is then sealed. None: `listeners` stays empty. */
must_check bool proxied_listen(const struct endpoints *endpoints, struct bag *listeners,
			       struct error *err);
/* The program, if there is one: a line "proxy PID START-TIME". */
#define PROXIED_NAME_MAX 64

/* In the hub: starts the program, for as long as the bag. inside->ports says where each leads.
 * `name` is how it is ended before, "" if none was needed. */
must_check bool proxied_start(const struct bag *listeners, const struct endpoints *endpoints,
			      const struct endpoints *inside, struct bag *bag,
			      char name[PROXIED_NAME_MAX], struct error *err);
/* Ends the program of that name (anything else is none), and waits until the ports are free. */
void proxied_end(const char *name);
/* Whether it is what such a program lives by. */
bool proxied_is_lifeline(int fd);
/* Leaves out those that nobody listens for. */
void proxied_drop(struct endpoints *endpoints);

#endif
