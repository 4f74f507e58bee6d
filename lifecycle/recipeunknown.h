/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_RECIPEUNKNOWN_H
#define LIFECYCLE_RECIPEUNKNOWN_H

#include "base/json.h"

/*
 * Keys of a recipe that mean nothing. They are ignored, as Greengrass does; but a component whose
 * "Runn" is ignored ends at once and nobody knows why, so its author is told.
 */

/* Calls `tell` with a line for each, at most RECIPEUNKNOWN_MAX of them. The document is one that
 * recipe_parse has accepted. The global Lifecycle is left out: its keys are the author's. */
#define RECIPEUNKNOWN_MAX 16

void recipeunknown_each(const struct json *document, void (*tell)(void *context, const char *line),
			void *context);

#endif
