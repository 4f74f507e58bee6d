/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_UNPACK_CONFINE_H
#define IMAGE_UNPACK_CONFINE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Giving up, in three steps, what unpacking does not need. Where the kernel or the caller's own
 * rights forbid a step (rootless, inside a container) the next ones still hold.
 */

/* mooring-unpack itself: the store becomes "/" and there is nothing else; no devices, no programs,
 * no set-uid there; few capabilities; no sockets, mounts, namespaces, tracing. */
must_check bool confine_to_store(const char *root, struct error *err);

/* The process that writes a layer's files: it need not mount, mark, start or end others. */
must_check bool confine_to_layer(struct error *err);

/* The process that decompresses: read, write, memory. Nothing else. */
must_check bool confine_to_pipes(struct error *err);

#endif
