/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_IMAGEMOUNT_H
#define ENGINE_IMAGEMOUNT_H

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"

/* --mount type=image: an image that a container has mounted. */

/*
 * Mounts container->mounts[number], an image, in the calling process's mount namespace, which has
 * to be its own: nobody else sees it, and nothing is ever written above it. *path, in `arena`, is
 * where all of it is, writable; the caller makes it read-only. Fails with ERROR_NOT_FOUND if the
 * image is gone.
 */
must_check bool imagemount_make(const struct engine *engine, struct arena *arena,
				const struct container *container, size_t number, const char **path,
				struct error *err);

#endif
