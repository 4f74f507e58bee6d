/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ORPHANS_H
#define LIFECYCLE_ORPHANS_H

#include "lifecycle/runstate.h"

/* Ends the scripts of a nucleus that was killed (kill -9, out of memory): SIGTERM, five
 * seconds, SIGKILL. Nothing happens after a reboot, or if there are none. */
void orphans_end(const struct runstate *state);

#endif
