/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include "base/mem.h"
#include "cli/command.h"

/* Where everything is: what the environment says (MOORING_ROOT, MOORING_RUN, MOORING_CONFIG,
 * DOCKER_CONFIG), else root's places, or an ordinary user's below the XDG directories. All members
 * of `cli` but argv are filled in; what is not from the environment lives in `arena`. */
void places_find(struct arena *arena, struct cli *cli);

#endif
