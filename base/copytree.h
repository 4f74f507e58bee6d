/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_COPYTREE_H
#define BASE_COPYTREE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Copies what is in one directory into another, with owners, modes, times and extended attributes.
 * Both sides are walked by descriptors and never follow a symlink: either may be a stranger's.
 * Holes stay holes and hard links hard links; devices and sockets are left out. A name that exists
 * in the target already is replaced, so that a copy that was cut short can be done again; a
 * directory is gone on with, and in the way of anything else an error.
 */
must_check bool copy_tree(int from, int to, struct error *err);

#endif
