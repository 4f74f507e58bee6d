/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <time.h>

#include "base/mem.h"

/* The instant (of CLOCK_REALTIME) by RFC 3339, in UTC with nine digits of nanoseconds, as docker
 * writes it; the text lives in `arena`. */
const char *clock_text(struct arena *arena, const struct timespec *instant);
const char *clock_now_text(struct arena *arena);

#endif
