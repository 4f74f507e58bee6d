/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_ORPHANS_H
#define LIFECYCLE_ORPHANS_H

#include "lifecycle/ledger.h"

/* Ends the scripts of a deployment whose nucleus was killed (kill -9, out of memory): SIGTERM, five
 * seconds, SIGKILL. Nothing happens after a reboot, or if there are none. */
void orphans_end(const struct ledger *ledger);

#endif
