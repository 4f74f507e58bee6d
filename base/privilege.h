/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Giving up for good what a program has no use for (capabilities(7), credentials(7)). All of them
 * also keep whatever is executed later from being more than we are by then (no_new_privs), and none
 * touches the limits, the parent's death signal or whether we are dumpable: a change of user resets
 * the latter two.
 */

/* Every capability, out of every set. */
must_check bool privilege_drop(struct error *err);

/* The same and, if we are root, another user without supplementary groups. */
must_check bool privilege_become(uid_t uid, gid_t gid, struct error *err);

/* The same, with the user nobody. In a user namespace that does not map nobody its root stays, who
 * is no more than its owner. */
must_check bool privilege_become_nobody(struct error *err);

#endif
