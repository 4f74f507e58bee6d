/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CATALOG_H
#define LIFECYCLE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "lifecycle/recipe.h"

/*
 * All recipes a deployment may choose from: those of a recipe directory, then those that earlier
 * deployments stored under ROOT/packages/recipes.
 */

#define CATALOG_RECIPES_MAX 4096
#define CATALOG_DEPTH_MAX   16

struct catalog {
	struct arena *arena;
	const struct device *device;
	struct recipe **recipes;
	size_t count;
};

/* Reads every .json, .yaml and .yml below the directory, in the order of their names. One that is
 * malformed fails. Of two with the same name and version the first is kept; where both are in this
 * directory a warning says so. */
must_check bool catalog_add_directory(struct catalog *catalog, const char *directory,
				      struct error *err);

/* The recipes stored below `root`; none is fine. */
must_check bool catalog_add_stored(struct catalog *catalog, const char *root, struct error *err);

/* Stores a recipe below `root`, whatever was there under its name and version. */
must_check bool catalog_store(const struct recipe *recipe, const char *root, struct error *err);

/* Removes it from the store. */
must_check bool catalog_forget(const struct recipe *recipe, const char *root, struct error *err);

const struct recipe *catalog_find(const struct catalog *catalog, const char *name,
				  const char *version);
void catalog_done(struct catalog *catalog);

#endif
