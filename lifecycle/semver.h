/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SEMVER_H
#define LIFECYCLE_SEMVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * Semantic versions (semver.org, 2.0.0) and requirements in npm's dialect, which is what recipes
 * are written in: `>=2.0.0 <3.0.0`, `^2.0.0`, `~1.2`, `1.x`, `1.0 - 2.0`, `1.2.3 || >=2`.
 */

#define SEMVER_TEXT_MAX   64     /* of a version */
#define SEMVER_NUMBER_MAX 999999 /* six digits */
#define SEMVER_RANGE_MAX  512    /* of a requirement */

struct semver {
	unsigned int major, minor, patch;
	char prerelease[SEMVER_TEXT_MAX + 1]; /* "" for a release */
};

must_check bool semver_parse(struct semver *version, const char *text, struct error *err);
/* Below, equal, above: negative, 0, positive. Build metadata does not count. */
int semver_compare(const struct semver *a, const struct semver *b);

struct semver_range;

/* The range lives in `arena`. */
must_check bool semver_parse_range(struct arena *arena, const char *text,
				   const struct semver_range **range, struct error *err);
bool semver_is_in(const struct semver *version, const struct semver_range *range);

#endif
