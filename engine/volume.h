/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_VOLUME_H
#define ENGINE_VOLUME_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * Named volumes: ROOT/volumes/NAME/_data.
 */

/* Makes the volume if it is missing. *path (in `arena`) is its data directory; *is_new tells that
 * it is empty, so that the image's files may be copied in. */
must_check bool volume_use(const struct engine *engine, struct arena *arena, const char *name,
			   const char **path, bool *is_empty, struct error *err);
/* A fresh name of 64 hex digits. */
const char *volume_anonymous_name(struct arena *arena);
must_check bool volume_remove(const struct engine *engine, const char *name, struct error *err);
/* Those that were made for this container. Before the container itself goes: a crash in between
 * must leave somebody who knows of them. */
must_check bool volume_remove_anonymous(const struct engine *engine,
					const struct container *container, struct error *err);
must_check bool volume_list(const struct engine *engine, struct arena *arena, struct texts *names,
			    struct error *err);

/* Copies what the image has at `target` (below `root`), with owner and mode, into the volume's
 * empty directory. Nothing there is success. */
must_check bool volume_copy_up(int root, const char *target, const char *path, struct error *err);

#endif
