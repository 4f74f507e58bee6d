/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BRIDGE_H
#define ENGINE_BRIDGE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/netlink.h"
#include "engine/engine.h"
#include "engine/lease.h"
#include "engine/network.h"

/*
 * A network's bridge on the host: there from the first member to the last; the default network's
 * stays.
 *
 *	container eth0 172.18.0.2/16 ═══ vethXXXXXXX ─ br-XXXXXXXXXXXX 172.18.0.1 ─ (nat) ─ the
 *	host's links
 *
 * Hold the network's lease book: it is the lock.
 */

/* Makes what is missing of the bridge and its rules, and turns on forwarding. `host` is an
 * rtnetlink socket in the host's namespace. The default network gets its pool here. A kernel
 * without netfilter is not a failure: *warning (ERROR_TEXT_MAX bytes) then says what does not work.
 */
must_check bool bridge_set_up(const struct engine *engine, const struct lease_book *book,
			      struct network *network, struct netlink *host, unsigned int *index,
			      char *warning, struct error *err);

/* Takes the bridge and its rules away, whoever uses it; without root in the hub. */
must_check bool bridge_remove(const struct engine *engine, const struct lease_book *book,
			      const struct network *network, struct error *err);

/* The default network's, under its lock. */
must_check bool bridge_reset(const struct engine *engine, struct error *err);
/* There is to be no default network any more: the same, if nobody is on it. Takes the lock. */
must_check bool bridge_leave(const struct engine *engine, const struct network *network,
			     struct error *err);

#endif
