/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BUNDLELIMIT_H
#define ENGINE_BUNDLELIMIT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/jsonout.h"
#include "engine/container.h"

/*
 * The limits of a container in its config.json, and what docker refuses about them.
 */

#define LIMIT_CPU_PERIOD 100000 /* microseconds of which --cpus is a share */

/* Of two --ulimit of one name the last one counts. */
void limit_keep_last(struct texts *ulimits);
/* process.rlimits, from --ulimit. */
must_check bool limit_write_rlimits(struct jsonout *out, const struct container *container,
				    struct error *err);
/* Members of linux.resources: memory, cpu, blockIO, pids. Fails if a device is not there. */
must_check bool limit_write_resources(struct jsonout *out, const struct container *container,
				      struct error *err);
/* For the command line: --device-read-bps and its like. */
bool limit_check_block_rate(const char *text, struct error *err);
bool limit_check_block_count(const char *text, struct error *err);  /* --device-read-iops */
bool limit_check_block_weight(const char *text, struct error *err); /* --blkio-weight-device */

/* Combinations that make no sense, in docker's words. */
must_check bool limit_check(const struct container *container, struct error *err);

#endif
