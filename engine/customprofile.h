/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CUSTOMPROFILE_H
#define ENGINE_CUSTOMPROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * A seccomp profile of the user's own, in Docker's format (docs.docker.com, "Seccomp security
 * profiles"), as the object "seccomp" of config.json's `linux`. Docker's has more than the OCI's:
 * rules that hold for some capabilities, architectures and kernels only ("includes", "excludes"),
 * the architectures that go with the machine's ("archMap"), and a rule for one call ("name").
 */

/* `capabilities`: the bounding set, one bit per number. *seccomp lives in `arena`; it is NULL for a
 * profile that says nothing: no filter. Fails with ERROR_INPUT for what means two things. */
must_check bool customprofile_read(struct arena *arena, const struct json *profile,
				   uint64_t capabilities, const struct json **seccomp,
				   struct error *err);

#endif
