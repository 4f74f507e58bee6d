/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PORTSOCKET_H
#define ENGINE_PORTSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "engine/port.h"

/* A socket that has a port: nobody else gets it. Both leave errno. */

/* -1: the kernel does not have such sockets, see portsocket_is_missing. */
int portsocket_open(enum port_protocol protocol, int family);
/* *port 0 becomes the one that the kernel has chosen. One of IPv6 is for IPv6 alone. */
bool portsocket_bind(int fd, const struct ipaddr *address, uint16_t *port);
/* A kernel without IPv6, or without SCTP. */
bool portsocket_is_missing(int number);

#endif
