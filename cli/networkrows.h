/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_NETWORKROWS_H
#define CLI_NETWORKROWS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/engine.h"
#include "engine/network.h"

/*
 * Networks as `network ls` and `network inspect` show them.
 */

/* Rows for listing.h of the networks that pass all filters ("name=…", "driver=…", …). */
must_check bool networkrows_make(const struct engine *engine, struct arena *arena,
				 const struct texts *filters, bool is_whole,
				 const struct json **rows, struct error *err);

/* Appends what `network inspect` shows to the array `objects`. */
void networkrows_inspect(const struct engine *engine, struct arena *arena, struct json *objects,
			 const struct network *network);

#endif
