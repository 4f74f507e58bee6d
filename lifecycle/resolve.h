/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_RESOLVE_H
#define LIFECYCLE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "lifecycle/catalog.h"

/*
 * From the components that were asked for to all that must be there: one version of each, which all
 * its dependents accept, in start order.
 */

#define RESOLVE_COMPONENTS_MAX 512

struct resolve_root {
	const char *name;
	const char *requirement; /* as it was typed */
	const struct semver_range *range;
};

struct resolve_request {
	const struct catalog *catalog;
	const struct resolve_root *roots;
	size_t root_count;
	/* The version that is deployed now is preferred to a newer one; NULL if there is none. */
	const char *(*active_version)(const void *context, const char *name);
	const void *context;
};

struct resolve_result {
	const struct recipe **recipes; /* dependencies first */
	size_t count;
};

/* The result lives in `arena`. */
must_check bool resolve(const struct resolve_request *request, struct arena *arena,
			struct resolve_result *result, struct error *err);

/* True for AWS's components whose place this program takes: they satisfy any requirement, unless a
 * recipe of that name is at hand. */
bool resolve_is_builtin(const char *name);

#endif
