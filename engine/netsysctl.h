/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NETSYSCTL_H
#define ENGINE_NETSYSCTL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * Settings of a network namespace, "net.KEY=VALUE". The container's config.json names no network
 * namespace (it is in the monitor's), so the runtime could not set them.
 */

/* True for those that belong to the network namespace. */
bool netsysctl_is_one(const char *pair);

/* Do they turn IPv6 off, for all links? */
bool netsysctl_is_without_ipv6(const struct texts *pairs);

/* In the container's new network namespace: docker's two defaults, then those among `pairs`. */
must_check bool netsysctl_apply(const struct texts *pairs, struct error *err);

/* A file below /proc/sys/net of the caller's namespace, "ipv4/ip_forward". One that is not there
 * fails with ERROR_NOT_FOUND. */
must_check bool netsysctl_set(const char *name, const char *value, struct error *err);

#endif
