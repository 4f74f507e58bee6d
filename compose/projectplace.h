/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_PROJECTPLACE_H
#define COMPOSE_PROJECTPLACE_H

#include "compose/project.h"

/*
 * Where a project is: its files, its directory, its environment. From -f and --project-directory,
 * COMPOSE_FILE, .env, and the names that compose files have, here and in the directories above.
 */

/* Fills in files, directory, environment. `needs_files`: fails if there are none. */
must_check bool projectplace_find(struct project *project, const struct project_request *request,
				  bool needs_files, struct error *err);
/* Fills in name; `document` (NULL: none) may have one. */
must_check bool projectplace_name(struct project *project, const struct project_request *request,
				  const struct json *document, struct error *err);

#endif
