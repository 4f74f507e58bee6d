/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HOSTNS_H
#define ENGINE_HOSTNS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * The host's namespaces, as seen from a container's: its monitor keeps descriptors of them for the
 * command that cleans up after the container (--hold-fd).
 */

/* The caller's network or mount namespace. */
must_check bool hostns_open(int *fd, struct error *err);
must_check bool hostns_open_mounts(int *fd, struct error *err);

/* Goes back to the namespace of which we inherited a descriptor; none is success: we never left. */
must_check bool hostns_return(struct error *err);
must_check bool hostns_return_mounts(struct error *err);

#endif
