/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_RECIPEARTIFACT_H
#define LIFECYCLE_RECIPEARTIFACT_H

#include "lifecycle/recipe.h"

/* Reads a manifest's Artifacts into the recipe; missing gives none. */
must_check bool recipeartifact_parse_all(struct recipe *recipe, struct arena *arena,
					 const struct json *manifest, struct error *err);

#endif
