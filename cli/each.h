/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_EACH_H
#define CLI_EACH_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "cli/command.h"
#include "engine/container.h"

/*
 * Verbs that do the same to several containers: each is done, what failed is told, and the exit
 * code is 1 if any did.
 */
struct each {
	struct engine *engine;
	struct arena *arena;
	const void *values;
	const char *task; /* before the message that there is no such container; NULL: nothing */
};

/* One container. Prints what it has to print itself. */
typedef bool each_action(const struct each *each, const struct container *container,
			 struct error *err);

/* Opens the engine, finds each argument, calls `action`; `prints_argument`: what was done is told
 * by the argument, as it was typed. */
int each_container(const struct cli *cli, const void *values, const struct texts *arguments,
		   bool prints_argument, each_action *action);

/* As each_container, all arguments told. `task`: see struct each; `failed` gets the arguments with
 * which it failed, as they were typed; NULL: nobody wants to know. */
int each_container_for(const struct cli *cli, const void *values, const struct texts *arguments,
		       each_action *action, const char *task, struct texts *failed);

#endif
