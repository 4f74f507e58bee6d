/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PROPAGATION_H
#define ENGINE_PROPAGATION_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"

/*
 * What becomes of later mounts below a bind's source (mount_namespaces(7)): by default nothing;
 * with "rslave" the host's are seen in the container; with "rshared" the container's on the host,
 * too.
 */

/* The mode of -v, or of bind-propagation, that names one; docker's default, "rprivate", if none
 * does. */
const char *propagation_of(const char *options);
bool propagation_is_shared(const struct container_mount *mount);

/* The source's mount has to pass mounts on itself: fails in docker's words if it does not. */
must_check bool propagation_check(const struct container_mount *mount, struct error *err);
/* A copy of the source's mount that is in no namespace yet, and shares what happens below with the
 * host's, which a copy that is made after ours have become slaves of the host's does not. */
must_check bool propagation_copy(const struct container_mount *mount, int *copy, struct error *err);

#endif
