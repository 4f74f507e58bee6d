/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_HOOK_H
#define COMPOSE_HOOK_H

#include "base/mem.h"
#include "compose/project.h"
#include "compose/task.h"

/*
 * post_start and pre_stop: commands that are executed in a service's container, one after the
 * other, once it has started and before it is stopped. One that fails ends the task.
 */
#define HOOKS_MAX 8 /* of one kind */

/* Adds a step for each; `id` points to where the container's ID will be by then. Without a service
 * (there are no files) there are none. */
void hook_add(struct arena *arena, struct task *task, const struct service *service,
	      const char *kind, const char *const *id);

#endif
