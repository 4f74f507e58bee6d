/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_OCI_H
#define ENGINE_OCI_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"

/*
 * A verb of mooring-runc, executed and waited for: what needs the runtime's own knowledge of
 * control groups is its business, and this program stays small.
 */

/* `words` are verb, options and ID, `count` of them. `output` (initialised by the caller) gets what
 * it prints; NULL: nothing is wanted. On failure the error has the runtime's words. */
must_check bool oci_call(const struct engine *engine, const char *const *words, size_t count,
			 struct buf *output, struct error *err);

#endif
