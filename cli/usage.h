/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include <stdint.h>

#include "engine/engine.h"

/*
 * What a container uses at one moment, as `docker stats` counts it. Bytes, unless said otherwise.
 */
struct usage {
	int64_t taken_ns; /* monotonic: when it was looked at */
	uint64_t cpu_ns;  /* since the container's start */
	uint64_t memory;  /* without what the kernel could drop at once */
	uint64_t memory_limit;
	uint64_t net_received, net_sent;
	uint64_t block_read, block_written;
	uint64_t pids;
};

/* A container that does not run uses nothing. */
void usage_read(const struct engine *engine, const char *id, struct usage *usage);

#endif
