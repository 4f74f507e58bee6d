/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNELLIMIT_H
#define ENGINE_KERNELLIMIT_H

#include "base/error.h"
#include "base/texts.h"
#include "engine/container.h"

/*
 * Which limits this machine's kernel can keep. Kernels of small devices often come without some of
 * the controllers, or have them switched off (cgroup_disable=memory).
 */

/* Takes out of `container` what nothing here would keep, as docker does; `warnings` gets docker's
 * sentence about each, which is a constant. Fails for --cpus, of which docker has an error. */
must_check bool kernellimit_discard(struct container *container, struct texts *warnings,
				    struct error *err);

#endif
