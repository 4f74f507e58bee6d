/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NAT_H
#define ENGINE_NAT_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"

/*
 * Masquerading for a bridge, by nf_tables over netlink: one table of our own, so that nobody else's
 * rules are touched. Nothing to load, nothing to execute.
 */

/* Packets from `subnet`/`prefix` that leave by any link but `bridge` get that link's address. Adds
 * the table "mooring-BRIDGE"; adding it again changes nothing. Fails with ERROR_UNSUPPORTED where
 * the kernel lacks nf_tables or its masquerade. */
must_check bool nat_masquerade(const char *bridge, struct in_addr subnet, int prefix,
			       struct error *err);
/* Removes the table; a missing one is success. */
must_check bool nat_remove(const char *bridge, struct error *err);

#endif
