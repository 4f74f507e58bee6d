/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_NETSETTINGS_H
#define CLI_NETSETTINGS_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/jsonmaker.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/engine.h"

/*
 * A container's networks and ports as `inspect` and `ps` show them.
 */

/* The member NetworkSettings of a container; `pid`: its init, 0 if it does not run. */
void netsettings_add(const struct jsonmaker *object, const struct engine *engine,
		     const struct container *container, pid_t pid);
/* PortBindings, PublishAllPorts and Links of HostConfig. */
void netsettings_add_wishes(const struct jsonmaker *host, const struct engine *engine,
			    const struct container *container);

/* The cell PORTS of a container that runs; in `arena`. */
const char *netsettings_ports_cell(const struct engine *engine, struct arena *arena,
				   const struct container *container);

/* "a,b": the names of its networks; in `arena`. */
const char *netsettings_networks_cell(struct arena *arena, const struct container *container);

#endif
