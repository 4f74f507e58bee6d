/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_PROJECTSERVICE_H
#define COMPOSE_PROJECTSERVICE_H

#include "compose/project.h"

/*
 * One service of a project: read from its tree, completed, checked against the others.
 */

/* Name, image, scale, is_silent: what needs no other service. */
must_check bool projectservice_read(struct project *project, struct service *service,
				    struct error *err);
/* env_file and environment become one mapping. */
must_check bool projectservice_environment(struct project *project, struct service *service,
					   struct error *err);
/* Whom it needs; they must be there. */
must_check bool projectservice_dependencies(struct project *project, struct service *service,
					    struct error *err);
/* The networks, volumes, secrets and configs it names; marks them as used. */
must_check bool projectservice_resources(struct project *project, struct service *service,
					 struct error *err);
must_check bool projectservice_hash(struct project *project, struct service *service,
				    struct error *err);

#endif
