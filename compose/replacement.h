/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_REPLACEMENT_H
#define COMPOSE_REPLACEMENT_H

#include <stdbool.h>

#include "engine/engine.h"

/*
 * A container that is made anew ends before the new one is made. Who follows it has to know that
 * this is not the end of it: `up` holds a lock on a file in the old container's directory until
 * that is removed. Whatever becomes of `up`, the lock goes with it.
 */

/* Before the container is stopped. Closing ends it; -1: nobody will know. */
int replacement_begin(const struct engine *engine, const char *id);

bool replacement_is_under_way(const struct engine *engine, const char *id);

#endif
