/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVCONF_H
#define ENGINE_RESOLVCONF_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/engine.h"

/*
 * What a container's /etc/resolv.conf says (resolv.conf(5)): the host's servers, but for those that
 * only the host can reach; in a network with names, our resolver.
 */

#define RESOLVCONF_NAMES   "127.0.0.11" /* docker's address for it, in every such container */
#define RESOLVCONF_SERVERS 8

must_check bool resolvconf_write(const struct engine *engine, const struct container *container,
				 const struct endpoints *endpoints, struct buf *text,
				 struct error *err);

/* Whom our resolver asks for what it does not know: --dns, else the host's servers, as the host
 * sees them. Fills up to RESOLVCONF_SERVERS and returns how many. */
size_t resolvconf_servers(const struct engine *engine, const struct container *container,
			  struct ipaddr servers[RESOLVCONF_SERVERS]);

/* Some network of the container's has names. */
bool resolvconf_has_names(const struct endpoints *endpoints);

#endif
