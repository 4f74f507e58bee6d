/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PROFILE_H
#define ENGINE_PROFILE_H

#include <stdint.h>

#include "base/jsonout.h"

/* Docker's default seccomp profile for a container with these capabilities (one bit each), as the
 * OCI object "seccomp". */
void profile_write(struct jsonout *out, uint64_t capabilities);

#endif
