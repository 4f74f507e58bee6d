/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SELECTION_H
#define LIFECYCLE_SELECTION_H

#include "base/json.h"

/*
 * A recipe's global Lifecycle, reduced to what a manifest selects. On every level, where any key is
 * a selector (one that some manifest names, or "all"), the value under the first of the chosen
 * manifest's selections stands in for the level, else the one under "all", else nothing.
 */

struct selection {
	const char *const *selectors; /* of all manifests, without "all"; NULL-terminated */
	const char *const *chosen;    /* of the chosen manifest, in order; NULL-terminated */
};

/* A new tree in `arena`, as deep as the old one at most; NULL if nothing is left. */
const struct json *selection_apply(const struct selection *selection, struct arena *arena,
				   const struct json *lifecycle) must_check;

#endif
