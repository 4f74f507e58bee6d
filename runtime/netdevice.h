/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_NETDEVICE_H
#define RUNTIME_NETDEVICE_H

#include "runtime/init.h"
#include "runtime/spawn.h"

/*
 * Network devices of the host that become the container's (linux.netDevices), with their permanent
 * addresses. They go back by themselves, or vanish, when the network namespace ends.
 */

/* In init, in its network namespace: has them moved; nothing if the config names none. */
must_check bool netdevice_ask(const struct init_plan *plan, struct error *err);
/* Outside: moves them. `socket` is a netlink socket that init has opened inside; it is closed. */
must_check bool netdevice_answer(const struct init_plan *plan, const struct spawned *spawned,
				 int socket, struct error *err);

#endif
