/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CHANGE_H
#define ENGINE_CHANGE_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * Changes of a container's options after its creation: rename, update. The container may be
 * running, so its own lock is its monitor's; writers of options.json share that of the directory
 * ROOT/containers instead, which is held for the moment of the change only. Readers see the old or
 * the new file.
 */

/* Reads the options anew, lets `alter` change them, and saves them durably. Texts that `alter` sets
 * need only outlive the call. */
must_check bool change_container(struct engine *engine, const char *id,
				 void (*alter)(struct container *container, void *context),
				 void *context, struct error *err);

/* docker rename: a name is taken as at creation; the old one becomes free. */
must_check bool change_name(struct engine *engine, const char *id, const char *name,
			    struct error *err);

#endif
