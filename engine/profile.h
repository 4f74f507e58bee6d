/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PROFILE_H
#define ENGINE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonout.h"

/*
 * Docker's default seccomp profile (that of 28 and later: no io_uring, no AF_ALG or AF_VSOCK
 * sockets) as the object "seccomp" of config.json's `linux`. As with Docker, a capability that
 * the container has (its bounding set, one bit per number) releases the calls that it is for.
 *
 * `is_for_64_bits`: its programs are not those of 32-bit PCs, which ask for sockets by
 * socketcall(2). The family lies in memory there, where no filter can see it: whoever has that call
 * has AF_ALG and AF_VSOCK, too. Without effect where the machine has no such call.
 */
void profile_write(struct jsonout *out, uint64_t capabilities, bool is_for_64_bits);

#endif
