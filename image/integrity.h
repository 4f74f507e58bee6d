/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_INTEGRITY_H
#define IMAGE_INTEGRITY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"
#include "image/events.h"
#include "image/store.h"

/*
 * Are the images still what they were? Every file's content is read back into the archive it came
 * from, whose digest must be the layer's diff ID; a configuration's digest must be the image's ID.
 * `names`: whatever store_find takes; none: all images. `watcher` hears of every layer of every
 * image (IMAGE_CHECKED); one that is damaged is no failure of this call.
 */
must_check bool image_verify(const struct store *store, const struct texts *names,
			     const struct image_watcher *watcher, struct error *err);

#endif
