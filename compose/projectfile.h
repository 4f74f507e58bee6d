/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_PROJECTFILE_H
#define COMPOSE_PROJECTFILE_H

#include <stdbool.h>

#include "base/error.h"
#include "compose/project.h"

/*
 * Secrets and configs: files of the host, or texts (`content`, `environment`) that become files
 * below ROOT/compose/PROJECT/, where they last as long as the containers that read them.
 */

/* The text of one that is no file; NULL for a file, and where a variable is not set. Part of a
 * service's hash. */
const char *projectfile_content(const struct project *project, const char *section,
				const char *name);

/* Whether all variables are set that the service's secrets and configs come from: before anything
 * is changed. Who only stops, or looks, does not need them. */
must_check bool projectfile_check(const struct project *project, const struct service *service,
				  struct error *err);

/* *path (in the project's arena) is a file that is there: the user's own, or written now, with the
 * owner and the mode that `use` (the service's element of the section) has. */
must_check bool projectfile_path(struct project *project, const struct service *service,
				 const char *section, const struct json *use, const char **path,
				 struct error *err);

/* What was written for the project goes. */
void projectfile_remove(const struct project *project);

#endif
