/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ASSEMBLE_H
#define IMAGE_ASSEMBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * The last touch to an extracted layer, now that it is known on which layers it lies. `notes` is
 * what layer_extract wrote; `below` the diff directories of the layers below, lowest first.
 */
must_check bool assemble_layer(int diff, int notes, const int *below, size_t below_count,
			       struct error *err);

/* A second copy of an extracted layer, for another place in another image: directories are made
 * anew, files are hard links. */
must_check bool assemble_clone(int from, int to, struct error *err);

#endif
