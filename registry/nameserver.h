/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_NAMESERVER_H
#define REGISTRY_NAMESERVER_H

#include <stdbool.h>

#include "base/ipaddr.h"

/*
 * The servers that names are looked up with: resolv.conf(5).
 */

#define NAMESERVER_TEXT_MAX (IPADDR_TEXT_MAX + sizeof("[]:53"))

/* Is there no way to any of them? The C library says of a machine without a network no more than
 * that there is no such host. `text`: "10.0.0.1:53", the first; valid where the result is true. */
bool nameserver_is_cut_off(char text[NAMESERVER_TEXT_MAX]);

#endif
