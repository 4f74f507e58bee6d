/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INSECURE_H
#define CLI_INSECURE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/ipaddr.h"

/*
 * Which registries need no certificate: "insecure-registries" in daemon.json, as dockerd reads it
 * (registry/config.go: loadInsecureRegistries, isSecureIndex), and those of this machine.
 */

/* What an entry names: a range of addresses or HOST[:PORT]; "https://" before it is passed over.
 * *place is a part of `entry`. Fails with ERROR_INPUT, in dockerd's words, for what can be neither.
 */
must_check bool insecure_read(const char *entry, const char **place, struct error *err);

/* True if one of the addresses of "HOST[:PORT]" is in the range. Names are looked up; one that
 * cannot be is in no range. */
bool insecure_range_has(const struct ipnet *range, const char *host);

/* True if "HOST[:PORT]" is called by a name that can only mean this machine: below .localhost, or
 * one that /etc/hosts has for a loopback address. dockerd would find out by DNS, too; what anybody
 * there says of a name is no reason to do without its certificate. */
bool insecure_is_local(const char *host);

/* True if NO_PROXY, a list of names with commas or blanks between (NULL: none), has the name of
 * "HOST[:PORT]", what it is below, or "*"; and for what is below .localhost, which is never asked
 * of a proxy. */
bool insecure_is_exempt(const char *no_proxy, const char *host);

#endif
