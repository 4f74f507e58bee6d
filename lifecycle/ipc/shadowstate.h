/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_SHADOWSTATE_H
#define LIFECYCLE_IPC_SHADOWSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/*
 * How states of a shadow are merged and compared. All results are trees of their own in `arena`.
 */

/* `old` (may be NULL) with `update` laid over it: objects recursively, null takes away, all else
 * replaces. As metadata, each value of the update stands for {"timestamp": now}. */
const struct json *shadowstate_merge(struct arena *arena, const struct json *old,
				     const struct json *update, int64_t now,
				     bool is_metadata) must_check;

/* What of `desired` is missing in `reported` or another value there; NULL: nothing. */
const struct json *shadowstate_delta(struct arena *arena, const struct json *desired,
				     const struct json *reported) must_check;

/* Levels of objects and arrays; a scalar has none. */
size_t shadowstate_depth(const struct json *value);
/* Bytes as compact JSON. */
size_t shadowstate_size(const struct json *value);

#endif
