/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CREATE_H
#define ENGINE_CREATE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/mounts.h"

/*
 * docker create: what the user asked for and what the image says become one container on disk.
 */
struct create {
	struct container *container; /* the user's part; completed by container_create */
	struct mounts *mounts;       /* the user's */
	bool has_entrypoint; /* --entrypoint was given, perhaps empty: the image's command is off */
	bool has_image_command; /* but not off: compose's `entrypoint: []` leaves it */
	const char *platform;   /* "linux/arm64", or NULL: any, with a warning */
	/* docker run: if the caller is killed before it could start it, --rm still removes it. */
	bool is_started_next;
};

/* Everything that can be refused without the image. */
must_check bool create_check(const struct create *create, struct error *err);

/* Finds the image, completes the container, takes an ID and the name, and saves it. *lock is the
 * container's directory, locked. `warning` (ERROR_TEXT_MAX bytes) is empty or worth telling. Fails
 * with ERROR_NOT_FOUND if the image is not there (or not for the platform), ERROR_EXISTS for the
 * name. */
must_check bool create_container(struct engine *engine, struct arena *arena, struct create *create,
				 int *lock, char *warning, struct error *err);

#endif
