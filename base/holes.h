/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HOLES_H
#define BASE_HOLES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Copies the first `size` bytes of a file into an empty one. Holes stay holes, as a file may claim
 * a size that no disk has; one that grows meanwhile is copied no further, or it might never end,
 * and one that shrinks has zeros there. `name` is for messages.
 */
must_check bool holes_copy(int in, int out, const char *name, off_t size, struct error *err);

#endif
