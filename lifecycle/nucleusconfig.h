/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_NUCLEUSCONFIG_H
#define LIFECYCLE_NUCLEUSCONFIG_H

#include <stdbool.h>

#include "base/error.h"

/*
 * The nucleus' own configuration: what the file says, and what deployments have said since (the
 * newer one counts), as `settings`; and who runs scripts by it.
 */

struct nucleus;

/* Merges the file into the configuration and takes it up. To be called once. */
must_check bool nucleusconfig_open(struct nucleus *nucleus, struct error *err);

/* The configuration as it is going to be is one that a nucleus can begin with. To be asked before
 * it comes into force: a nucleus that does not begin takes no other deployment either. */
must_check bool nucleusconfig_check(const struct nucleus *nucleus, struct error *err);

/*
 * A deployment has changed the configuration: takes up what of it is the nucleus' own. Most holds
 * from the next script on. *needs_restart: what ties the device to AWS (endpoints, role, identity,
 * networkProxy, mqtt, fipsMode) is not what the nucleus began with, and holds when it begins anew,
 * as with Greengrass.
 */
must_check bool nucleusconfig_reread(struct nucleus *nucleus, bool *needs_restart,
				     struct error *err);

#endif
