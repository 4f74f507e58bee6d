/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HOSTFILES_H
#define ENGINE_HOSTFILES_H

#include <stdbool.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "engine/container.h"
#include "engine/endpoint.h"

/*
 * /etc/hosts, /etc/hostname and /etc/resolv.conf as the container sees them: files in its
 * directory, written at each start, mounted over whatever the image has.
 */

/* `dir` is the container's directory; `endpoints` its places in networks. Written anew for a
 * container that runs, it sees the change: the files stay the same ones. */
must_check bool hostfiles_write(const struct engine *engine, const struct container *container,
				int dir, const struct endpoints *endpoints, struct error *err);

/* In the hosts file that a container sees: lines "ADDRESS<tab>NAME…" get another address, or go
 * (NULL). What else the container has written there stays. */
must_check bool hostfiles_move(int dir, const char *name, const struct ipaddr *address,
			       struct error *err);

/* For --add-host, --dns, --dns-search: docker's words for what cannot be. */
bool hostfiles_check_host(const char *text, struct error *err);
bool hostfiles_check_address(const char *text, struct error *err);

/* An address that was checked, without the blanks around it; in `arena`. */
/* A host that was checked as docker keeps it: "NAME:ADDRESS", without brackets. Lives in `arena`.
 */
const char *hostfiles_plain_host(struct arena *arena, const char *text);
const char *hostfiles_address(struct arena *arena, const char *text);
bool hostfiles_check_domain(const char *text, struct error *err);

#endif
