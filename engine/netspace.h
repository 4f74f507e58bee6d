/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NETSPACE_H
#define ENGINE_NETSPACE_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"

/*
 * A network namespace takes the kernel most of a millisecond. So the command makes it while its
 * child, who is to be the monitor, mounts and writes, and hands it over a SOCK_SEQPACKET socket.
 */

/* Not the host's, and not another container's. */
bool netspace_is_own(const struct container *container) must_check;

/* Makes one and sends it, staying in the caller's own. Who is not allowed to come back from another
 * sends word that there is none. Ends the process if it is lost in the new one. */
void netspace_send(int socket, int host);

/* Waits for it and enters it, or a new one if there is none. Fails if the sender is gone. */
must_check bool netspace_enter(int socket, struct error *err);

#endif
