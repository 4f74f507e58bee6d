/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PREPARE_H
#define ENGINE_PREPARE_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"
#include "engine/engine.h"

/* What the monitor is to keep: its --hold-fd and --guard-fd. */
struct prepared {
	int host_network; /* the host's network namespace; -1: the container is in it */
	int host_mounts;  /* its mount namespace, if something is mounted there for it; or -1 */
	int guard;        /* ports and names; -1: none */
	char warning[ERROR_TEXT_MAX]; /* empty, or worth telling */
};

/*
 * Everything between fork and the exec of the monitor, in the process that will be the monitor: a
 * mount namespace of its own with the root file system mounted in it, a network namespace, the
 * files of /etc, and config.json. Whatever is made here goes away with the process.
 *
 * `dir` is the container's directory. Over the socket `parent` comes the network namespace of a
 * container that has its own: see netspace.h. `prepared` is as prepared_init leaves it, or knows
 * the host's network already.
 */
void prepared_init(struct prepared *prepared);

must_check bool prepare_bundle(struct engine *engine, const struct container *container, int dir,
			       int parent, struct prepared *prepared, struct error *err);

/* Gives back what outlives the process: the container's address. */
must_check bool prepare_undo(const struct engine *engine, const struct container *container,
			     struct error *err);

#endif
