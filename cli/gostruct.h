/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GOSTRUCT_H
#define CLI_GOSTRUCT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"

/*
 * Objects that are structures in docker's client: Go prints their values in the order of the
 * fields, without names, and also those that JSON leaves out: "{running true false …}".
 */

/* Appends the object so; false, and nothing appended, if it is a map. `print` is for each value. */
bool gostruct_print(struct buf *out, const struct json *object,
		    void (*print)(struct buf *out, const struct json *value));

/* Whether docker's client holds the object by a pointer: as an argument of print, println or
 * printf's %v it is "&{…}". */
bool gostruct_is_pointer(const struct json *value);

/* Whether a text is a time.Time: it prints as "2006-01-02 15:04:05.999 +0000 UTC". */
bool gostruct_is_time(const struct json *value);
/* Appends one of RFC 3339, in UTC, so; any other text as it is. */
void gostruct_print_time(struct buf *out, const char *text);

#endif
