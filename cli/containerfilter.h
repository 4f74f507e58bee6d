/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONTAINERFILTER_H
#define CLI_CONTAINERFILTER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"
#include "cli/containerrow.h"
#include "engine/engine.h"

/*
 * What `ps --filter` asks of a container, by docker's reading of each name.
 */

/* Of those filters whose values are not just texts; docker's words for mistakes. */
must_check bool containerfilter_check(const struct texts *filters, struct error *err);

/* `name` is one of those that are about the container alone (not before, since, label). */
bool containerfilter_is_match(const struct engine *engine, const struct containerrow *row,
			      const char *name, const char *value);

#endif
