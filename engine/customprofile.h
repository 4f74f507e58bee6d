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
 * the architectures that go with the machine's ("archMap"), and a rule for one call ("name"). Keys
 * are in letters of any case there; those it does not know have no effect.
 */

/* `capabilities`: the bounding set, one bit per number. *seccomp lives in `arena`. Fails with
 * ERROR_INPUT for what means two things, and for what may have been meant to confine: a profile
 * without a default action (Docker runs without a filter), a rule without a name or an action. */
must_check bool customprofile_read(struct arena *arena, const struct json *profile,
				   uint64_t capabilities, const struct json **seccomp,
				   struct error *err);

#endif
