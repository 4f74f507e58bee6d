/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HOSTNS_H
#define ENGINE_HOSTNS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * The host's network namespace, as seen from a container's: its monitor keeps a descriptor of it
 * for the command that cleans up after the container (--hold-fd).
 */

/* The caller's network namespace. */
must_check bool hostns_open(int *fd, struct error *err);

/* Goes back to the namespace of which we inherited a descriptor; none is success: we never left. */
must_check bool hostns_return(struct error *err);

#endif
