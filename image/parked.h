/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_PARKED_H
#define IMAGE_PARKED_H

#include <stdbool.h>

#include "base/error.h"
#include "image/stage.h"

/* Finished stages without descriptors: stage_park and stage_take_up of stage.h, and what a copy of
 * one needs. */

/* Opens the directory of a parked stage, or of the layer that it became, and its parts for reading.
 * Undone by stage_close, after a failure too. */
must_check bool parked_open(struct stage *stage, struct error *err);

/* All bytes of a file to where another stands. */
must_check bool parked_copy(int from, int to, struct error *err);

#endif
