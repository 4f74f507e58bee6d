/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INSPECTION_H
#define CLI_INSPECTION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"

/*
 * What `inspect` and its like say.
 */

/* Prints an array of objects as docker does: whole, or with --format one line each. */
must_check bool inspection_print(const char *format, const struct json *objects, struct error *err);

/* Adds what `inspect` says about an image to an array. */
void inspection_add_image(struct arena *arena, struct json *objects, const struct store *store,
			  const struct store_image *image);

#endif
