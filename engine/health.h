/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HEALTH_H
#define ENGINE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/status.h"

/*
 * Health checks. The monitor executes `mooring container-probe ID` every so often
 * (runtime/probe.h), which runs the container's test inside it and writes what came of it to
 * RUN/health/ID. A record counts for the run of the container that it was made in.
 */

#define HEALTH_RESULTS_MAX 5    /* the last ones are kept */
#define HEALTH_OUTPUT_MAX  4096 /* bytes of each one's output */

enum health_state {
	HEALTH_NONE, /* the container has no check */
	HEALTH_STARTING,
	HEALTH_HEALTHY,
	HEALTH_UNHEALTHY,
};

struct health_result {
	const char *start, *end; /* RFC 3339 */
	const char *output;
	int code; /* of the test; -1: it took too long */
};

struct health {
	enum health_state state;
	int64_t streak;                                   /* failures in a row */
	struct health_result results[HEALTH_RESULTS_MAX]; /* the oldest first */
	size_t count;
};

/* For the command line: docker's words for numbers that cannot be. */
must_check bool health_check(const struct container *container, struct error *err);
bool health_is_checked(const struct container *container);
/* Nanoseconds, docker's defaults in place of 0. */
int64_t health_interval(const struct container *container);

/* "none", "starting", "healthy", "unhealthy" */
const char *health_name(enum health_state state);
/* Texts live in `arena`. A container that does not run (any more) is unhealthy, as docker has it.
 */
void health_read(const struct engine *engine, struct arena *arena,
		 const struct container *container, const struct status *status,
		 struct health *health);

/* One check, from its start to its record. True: the test succeeded. */
bool health_probe(struct engine *engine, const char *id);
/* The options with which a monitor checks this container, if it has a check. */
must_check bool health_monitor_argv(const struct container *container, struct arena *arena,
				    struct texts *argv, struct error *err);
/* The container goes away. */
void health_forget(const struct engine *engine, const char *id);

#endif
