/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_UPPLAN_H
#define COMPOSE_UPPLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "compose/fleet.h"
#include "compose/project.h"

/*
 * What `up` has to do so that a project runs as its files say: worked out before anything is
 * changed. Pure: it looks at the fleet and asks a function which image a name means.
 */
enum instance_action {
	INSTANCE_KEEP, /* runs, and is what is wanted */
	INSTANCE_START,
	INSTANCE_RESTART, /* runs, and shall not outlive what it depends on (`restart: true`) */
	INSTANCE_CREATE,
	INSTANCE_RECREATE, /* what it was made from has changed */
	INSTANCE_REMOVE,   /* one too many */
};

/* One container that is there, or will be. */
struct instance {
	const struct service *service;
	int number;
	const char *name;
	struct member *member; /* NULL: not there yet */
	const char *id;        /* NULL until it is made */
	enum instance_action action;
};

struct upplan_wishes {
	const struct texts *services; /* empty: all that are enabled */
	const struct texts *scales;   /* "SERVICE=N" */
	bool is_without_dependencies;
	bool is_forced;     /* --force-recreate */
	bool is_unforced;   /* --no-recreate */
	bool keeps_surplus; /* containers beyond the scale stay */
	bool forces_others; /* --always-recreate-deps: who needs a new one becomes new */
	/* The ID of the image that the service is to run; NULL if it is not here (yet). */
	const char *(*image_id)(void *context, const struct service *service);
	void *context;
};

/* In the order of services, and of numbers in them. */
struct upplan {
	struct instance *instances;
	size_t count;
	bool *is_wanted; /* by the index of services: named, or needed by those */
};

/* Marks the services that are named, and all that they need. The array is the project's. */
bool *upplan_wanted(struct project *project, const struct texts *services,
		    bool is_without_dependencies);

must_check bool upplan_make(struct upplan *plan, struct project *project, struct fleet *fleet,
			    const struct upplan_wishes *wishes, struct error *err);

/* Whether the service is to have several containers and one port of the host. */
bool upplan_has_clash(const struct upplan *plan, const struct service *service);

#endif
