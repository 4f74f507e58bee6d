/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SKIPIF_H
#define LIFECYCLE_SKIPIF_H

#include <stdbool.h>

#include "base/error.h"

/*
 * A step's Skipif: `onpath PROGRAM` or `exists PATH`, with `!` in front for the opposite.
 */

must_check bool skipif_check(const char *text, struct error *err);

/* True if the step is to be skipped now. `path` is what `onpath` searches; ~root/, ~config/ and
 * ~packages/ are places below `root`, ~/ is our home. */
bool skipif_holds(const char *text, const char *root, const char *path);

#endif
