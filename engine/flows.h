/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FLOWS_H
#define ENGINE_FLOWS_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/endpoint.h"

/*
 * The kernel remembers where it has led a flow of packets (conntrack), and for UDP no end of a
 * connection makes it forget: who goes on sending to a published port would be led to where the
 * last container was.
 */

/* Has it forget the flows to the published UDP ports. A kernel that does not tell of flows
 * (CONFIG_NF_CT_NETLINK) is no failure. */
must_check bool flows_forget(const struct endpoints *endpoints, struct error *err);

#endif
