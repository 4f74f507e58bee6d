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
/* In the hub: starts the program, for as long as the bag. inside->ports says where each leads. */
must_check bool proxied_start(const struct bag *listeners, const struct endpoints *endpoints,
			      const struct endpoints *inside, struct bag *bag, struct error *err);
/* Whether it is what such a program lives by. */
bool proxied_is_lifeline(int fd);
/* Leaves out those that nobody listens for. */
void proxied_drop(struct endpoints *endpoints);

#endif
