/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_LOOKUP_H
#define IMAGE_LOOKUP_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "image/names.h"

/*
 * What a user may call an image; see store_find.
 */
struct match {
	struct digest id;
	const char *name; /* the canonical name that matched; NULL if an ID did */
};

must_check bool lookup_name(const struct store *store, struct arena *arena,
			    const struct names *names, const char *text, struct match *match,
			    struct error *err);

#endif
