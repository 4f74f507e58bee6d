/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CAUSE_H
#define ENGINE_CAUSE_H

#include "base/error.h"

/* To a failure of the kernel's to make or write something that does not say where: the mount point
 * of the store, or of the run directory, if that one is full or read-only now. Always false. */
bool cause_add(const char *root, const char *run, struct error *err);

#endif
