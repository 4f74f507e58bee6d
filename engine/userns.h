/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_USERNS_H
#define ENGINE_USERNS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Docker without root: the process goes into a user namespace in which the caller is root and has
 * the ids that /etc/subuid and /etc/subgid grant, and then everything is as for root. All of one
 * user's commands and containers share one such namespace as long as anything lives in it, so that
 * they can signal and join each other.
 */

/* True if this user can have one: some ids are granted. */
bool userns_is_granted(void);

/* Joins the namespace that processes of the run directory `run` are in, or makes it. Afterwards the
 * caller is uid and gid 0 with every capability over what the namespace owns. Fails with a remedy
 * where the kernel forbids such namespaces. Must be called before anything is opened or started
 * that is to be inside. */
must_check bool userns_enter(const char *run, struct error *err);

/* True where control groups cannot be made, so that limits cannot be kept. */
bool userns_lacks_groups(void);

/* True inside any user namespace but the machine's own. */
bool userns_is_inside(void);

#endif
