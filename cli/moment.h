/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MOMENT_H
#define CLI_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* --since and --until: seconds since 1970 with a fraction, RFC 3339 or its beginning (a date), or a
 * duration back from now ("10m", "1h30m"). `option` is named in the message. */
must_check bool moment_parse(const char *text, const char *option, int64_t *seconds,
			     long *nanoseconds, struct error *err);

/* The same in nanoseconds since 1970. Nothing was said (NULL or ""): *moment stays as it is. */
must_check bool moment_parse_ns(const char *text, const char *option, int64_t *moment,
				struct error *err);

#endif
