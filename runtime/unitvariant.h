/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_UNITVARIANT_H
#define RUNTIME_UNITVARIANT_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * The text form of D-Bus values that GLib calls GVariant and that annotations of containers use:
 * "true", "5", "uint64 5", "@t 5", "'text'", "['a', 'b']", "{'key': <1>}", "('a', 2)".
 */

#define UNITVARIANT_TEXT_MAX 8192 /* bytes of one such text */

/* Adds the value's signature and the value. */
must_check bool unitvariant_put(struct buf *out, const char *text, struct error *err);
/* Adds a number of seconds, of any numeric type, as microseconds ("t"). */
must_check bool unitvariant_put_seconds(struct buf *out, const char *text, struct error *err);

#endif
