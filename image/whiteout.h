/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_WHITEOUT_H
#define IMAGE_WHITEOUT_H

#include <stdbool.h>

#include "base/error.h"
#include "image/place.h"

/*
 * ".wh.NAME" in a layer says: NAME of the layers below is gone. In an overlay directory that is a
 * character device 0:0, and ".wh..wh..opq" an attribute of the directory.
 */

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

bool whiteout_is_name(const char *base);

/* AUFS's own files, which old layers carry: to be skipped. */
bool whiteout_is_leftover(const char *path);

/* Among them, at the top: files that have several names, each of which is a hard link to one here.
 * Until the layer is unpacked they lie at its root, under names that no entry can have. */
#define WHITEOUT_SHARED ".wh..wh.plnk"

bool whiteout_is_shared(const char *path);
/* The name of such a file becomes the one at the root. */
void whiteout_place_shared(struct place_name *name);
/* Removes what lies there. */
must_check bool whiteout_clear_shared(int root, struct error *err);

/* Acts on a whiteout in `parent`. What the same layer has under that name wins over it. */
must_check bool whiteout_put(struct place *place, int parent, const struct place_name *name,
			     struct error *err);

/* Removes the whiteouts in an opaque directory: there they hide nothing, and would be seen. */
must_check bool whiteout_clear(int dir, struct error *err);

#endif
