/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAMFILE_H
#define LIFECYCLE_STREAMFILE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

struct nucleus;

/*
 * A component's file for the stream manager: as the user of its run script, below its work folder
 * or a directory that the stream manager's `configuration` (or NULL) grants to all.
 *
 * `packet` is its question, with `component` and `path`. Fails as file_grant_open does.
 */
must_check bool streamfile_open(struct nucleus *nucleus, const struct json *configuration,
				const struct json *packet, int *fd, struct error *err);

#endif
