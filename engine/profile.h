/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PROFILE_H
#define ENGINE_PROFILE_H

#include <stdint.h>

#include "base/jsonout.h"

/*
 * Docker's default seccomp profile (that of 28 and later: no io_uring, no AF_ALG or AF_VSOCK
 * sockets) as the object "seccomp" of config.json's `linux`. As with Docker, a capability that
 * the container has (its bounding set, one bit per number) releases the calls that it is for.
 */
void profile_write(struct jsonout *out, uint64_t capabilities);

#endif
