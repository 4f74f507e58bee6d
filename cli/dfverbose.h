/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DFVERBOSE_H
#define CLI_DFVERBOSE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

/* `system df -v`: each image, container and volume with what it takes. `format`: NULL, "" or
 * "table": four tables; "json" or a template, over {"Images", "Containers", "Volumes",
 * "BuildCache"}. */
must_check bool dfverbose_print(struct engine *engine, struct arena *arena, const char *format,
				struct error *err);

#endif
