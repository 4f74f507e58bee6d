/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONTAINERINSPECTION_H
#define CLI_CONTAINERINSPECTION_H

#include "base/json.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"

/* Adds what `inspect` says about a container to an array. */
void containerinspection_add(struct arena *arena, struct json *objects, struct engine *engine,
			     const struct container *container, bool has_sizes);

#endif
