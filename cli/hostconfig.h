/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HOSTCONFIG_H
#define CLI_HOSTCONFIG_H

#include "cli/jsonmaker.h"
#include "engine/container.h"

/*
 * The member HostConfig of a container as `docker inspect` of 20.10 shows it: what was asked for,
 * under the API's names. Each member is there; those that have no meaning here have the value they
 * have where nobody asked.
 */
void hostconfig_add(const struct jsonmaker *object, const struct engine *engine,
		    const struct container *container);

#endif
