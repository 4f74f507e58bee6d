/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_STREAMCONFINE_H
#define LIFECYCLE_STREAM_STREAMCONFINE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * What this program gives up before it listens to strangers.
 */

/* For good: no program is executed, no process traced, no connection made, and (from Linux 5.13 on)
 * no file opened that is not below `directory`. Nobody reads our memory. */
must_check bool stream_confine(const char *directory, struct error *err);

#endif
