/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SECCOMPPROFILE_H
#define ENGINE_SECCOMPPROFILE_H

#include <stdint.h>

#include "base/jsonout.h"

/*
 * Docker's default seccomp profile (that of 28 and later: no io_uring, no AF_ALG or AF_VSOCK
 * sockets) as the object `linux.seccomp` of config.json. As with Docker, a capability that the
 * container has releases the system calls that it is for: `capabilities` is the bounding set, one
 * bit per number.
 */
void seccompprofile_write(struct jsonout *out, const char *key, uint64_t capabilities);

#endif
