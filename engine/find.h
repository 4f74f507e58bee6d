/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FIND_H
#define ENGINE_FIND_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * From what a user types to a container. No locks: what is found may be gone the next moment.
 */

/* A full ID, a name (a leading '/' is allowed; NAME/ALIAS is the one a link leads to), or the
 * unique beginning of an ID. Fails with ERROR_NOT_FOUND "No such container: X", or ERROR_INPUT if
 * several IDs begin so. */
must_check bool find_one(const struct engine *engine, const char *text,
			 char id[CONTAINER_ID_LENGTH + 1], struct error *err);

/* The IDs of all containers, in no order; the texts live in `arena`. Some may be only just being
 * made or removed: container_read tells. */
must_check bool find_all(const struct engine *engine, struct arena *arena, struct texts *ids,
			 struct error *err);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*: docker's grammar, but that one character will do. */
bool find_is_name(const char *text);
/* 64 lower-case hex digits. */
bool find_is_id(const char *text);
/* Whether the container with this id is there. */
bool find_is_there(const struct engine *engine, const char *id);

#endif
