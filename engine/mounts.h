/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_MOUNTS_H
#define ENGINE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"

/*
 * What -v, --mount, --tmpfs and an image's volumes ask for, as one list.
 */
#define MOUNTS_MAX 1024

struct mounts {
	struct arena *arena;
	struct container_mount *items;
	size_t count;
	struct texts *declared; /* where to add the places of volumes without a source; or NULL */
};

/* -v [SOURCE:]TARGET[:MODES]; a relative source is taken from the working directory. Without a
 * source it gives way to any other mount. */
must_check bool mounts_add_volume(struct mounts *mounts, const char *text, struct error *err);
/* The part of its grammar that docker's client looks at. */
must_check bool mounts_check_volume(const char *text, struct error *err);
/* --mount type=bind,source=…,target=… */
must_check bool mounts_add_mount(struct mounts *mounts, const char *text, struct error *err);
/* --tmpfs TARGET[:OPTIONS]; of two for one place the last one counts. It hides what --mount or
 * another container has there. */
must_check bool mounts_add_tmpfs(struct mounts *mounts, const char *text, struct error *err);
/* A volume the image declares, unless something is mounted there already. */
must_check bool mounts_add_declared(struct mounts *mounts, const char *target, struct error *err);
/* The binds and volumes of another container. Of the command line's own, only volumes without a
 * source (-v /data) give way; what came from another container does. */
must_check bool mounts_inherit(struct mounts *mounts, const struct container *other,
			       bool is_readonly, struct error *err);
/* Whether a --tmpfs stands in its place. */
bool mounts_is_hidden(const struct container *container, const struct container_mount *mount);
/* Parents before children. */
void mounts_sort(struct mounts *mounts);

/* Checks of the texts alone, for the command line. */
bool mounts_check_mount(const char *text, struct error *err);
bool mounts_check_from(const char *text, struct error *err);

#endif
