/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VOLUMEROWS_H
#define CLI_VOLUMEROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/engine.h"
#include "engine/volume.h"

/*
 * Volumes as `volume ls` and `volume inspect` show them.
 */

/* The names, sorted, of those that pass all filters ("name=…", "label=…", "dangling=…", …). */
must_check bool volumerows_find(const struct engine *engine, struct arena *arena,
				const struct texts *filters, struct texts *names,
				struct error *err);
struct volumerows {
	const struct texts *filters;
	/* The names of the volumes of all containers, each as often as it is held: how many hold
	 * one, and its size, is worked out; NULL: it is not. */
	const struct texts *users;
};

/* Rows for listing.h. */
must_check bool volumerows_make(const struct engine *engine, struct arena *arena,
				const struct volumerows *options, const struct json **rows,
				struct error *err);

/* Appends what `volume inspect` shows to the array `objects`. */
void volumerows_inspect(struct arena *arena, struct json *objects, const struct volume *volume);

/* What its files take on disk. */
int64_t volumerows_size(const struct volume *volume);

#endif
