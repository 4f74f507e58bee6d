/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STANDSTILL_H
#define ENGINE_STANDSTILL_H

#include <sys/types.h>

#include "base/error.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * A container that is paused for as long as this command has to do with its files. A process of its
 * own sees to it that it goes on even if the command is killed.
 */
struct standstill {
	int line; /* its end tells that process that we are gone; -1: there is none */
	pid_t guard;
};

#define STANDSTILL_NONE                                                                            \
	(struct standstill)                                                                        \
	{                                                                                          \
		.line = -1                                                                         \
	}

/* As control_pause does. After a failure there is nothing to end. */
must_check bool standstill_begin(struct engine *engine, const struct container *container,
				 struct standstill *standstill, struct error *err);
/* Lets it go on, as control_unpause does. */
must_check bool standstill_end(struct engine *engine, const struct container *container,
			       struct standstill *standstill, struct error *err);

#endif
