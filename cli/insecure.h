/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INSECURE_H
#define CLI_INSECURE_H

#include <stdbool.h>

#include "base/ipaddr.h"

/*
 * A range of addresses in "insecure-registries" of daemon.json: true if one of the addresses of
 * "HOST[:PORT]" is in it, as dockerd decides (registry/config.go: isSecureIndex). Names are looked
 * up; one that cannot be is in no range.
 */
bool insecure_range_has(const struct ipnet *range, const char *host);

#endif
