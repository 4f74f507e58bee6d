/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ENDPOINTOPT_H
#define ENGINE_ENDPOINTOPT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * What a container asks of its link in one network, docker's --driver-opt of an endpoint
 * ("KEY=VALUE"; others are without effect):
 *
 *	com.docker.network.endpoint.ifname=NAME
 *	com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.KEY=VALUE[,…]
 */
#define ENDPOINTOPT_IFNAME  "com.docker.network.endpoint.ifname"
#define ENDPOINTOPT_SYSCTLS "com.docker.network.endpoint.sysctls"

/* For the command line. Only settings of the link itself can be asked for: net.X.conf.IFNAME.KEY
 * and net.X.neigh.IFNAME.KEY, X being ipv4, ipv6 or mpls. */
bool endpointopt_check(const char *pair, struct error *err);

/* The value of a key; NULL: not asked for. */
const char *endpointopt_get(const struct texts *options, const char *key);

/* In the container's namespace: sets them (NULL: none) for the link of that name. */
must_check bool endpointopt_set_sysctls(const char *sysctls, const char *link, struct error *err);

#endif
