/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KEEPER_H
#define ENGINE_KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/bag.h"
#include "engine/engine.h"

/*
 * The monitor of a container that runs, from another process: whose life, and what it keeps.
 */

/* A pidfd of it. ERROR_NOT_FOUND if the container has ended, or nobody supervises it. */
must_check bool keeper_open(const struct engine *engine, const char *container, int *pidfd,
			    struct error *err);
struct keeper {
	pid_t pid;
	int pidfd; /* -1: there is none, see keeper_open */
};

struct keeper keeper_find(const struct engine *engine, const char *container);
void keeper_done(struct keeper *keeper);
#define autokeeper __attribute__((cleanup(keeper_done)))

/* Tells the monitor to come to an end: of a container that runs, which is stopped and not started
 * again; of one that has ended, without clients that do not take the last output. What the monitor
 * has executed since, to clean up, hears nothing of it. */
void keeper_hurry(const struct keeper *keeper);

/* Its bag (mooring-runc monitor --guard-fd), sealed; an empty one if it keeps none. */
must_check bool keeper_open_bag(const struct engine *engine, const char *container, struct bag *bag,
				struct error *err);

#endif
