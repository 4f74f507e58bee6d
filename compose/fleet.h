/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_FLEET_H
#define COMPOSE_FLEET_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "compose/project.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/status.h"

/*
 * The containers of a project as they are now, found by their labels.
 *
 * Whose they are: a project that was named (-p, COMPOSE_PROJECT_NAME, `name:`) owns all that carry
 * its name. One that only has its directory's name owns those that were made from that directory,
 * or from one that is gone: two components whose files lie in folders of the same name do not touch
 * each other's containers.
 */
#define LABEL_PROJECT      "com.docker.compose.project"
#define LABEL_SERVICE      "com.docker.compose.service"
#define LABEL_NUMBER       "com.docker.compose.container-number"
#define LABEL_ONEOFF       "com.docker.compose.oneoff"
#define LABEL_SLUG         "com.docker.compose.slug"
#define LABEL_HASH         "com.docker.compose.config-hash"
#define LABEL_DIRECTORY    "com.docker.compose.project.working_dir"
#define LABEL_DEPENDENCIES "com.docker.compose.depends_on"
#define LABEL_FILES        "com.docker.compose.project.config_files"
#define LABEL_VERSION      "com.docker.compose.version"
#define LABEL_NETWORK      "com.docker.compose.network"
#define LABEL_VOLUME       "com.docker.compose.volume"

struct member {
	struct container container;
	struct status status;
	const char *service; /* as its label says; the service may be gone */
	const char *hash;    /* "" if it has none */
	int number;
	bool is_oneoff;   /* of `run` */
	bool is_stranger; /* of another directory's project of the same name: not ours to touch */
};

/* Everything lives in `arena`. */
struct fleet {
	struct engine engine;
	struct arena arena;
	struct member *members; /* by service, then number, the newest first */
	size_t count;
};

#define FLEET_EMPTY                                                                                \
	(struct fleet)                                                                             \
	{                                                                                          \
		.engine = ENGINE_EMPTY                                                             \
	}
#define autofleet __attribute__((cleanup(fleet_done)))

struct composer;

must_check bool fleet_read(struct fleet *fleet, const struct composer *composer,
			   const struct project *project, struct error *err);
/* Reads one member's status again. */
void fleet_refresh(struct fleet *fleet, struct member *member);
void fleet_done(struct fleet *fleet);

/* "" if the container has no such label. */
const char *fleet_label(const struct container *container, const char *key);
/* Whether what carries that label of a directory is the project's. */
bool fleet_is_own(const struct project *project, const char *directory);

/* Of that service and number, no one-off; NULL if there is none of ours. */
struct member *fleet_find(const struct fleet *fleet, const char *service, int number);
/* One of those that make the service up: not of `run`, and not somebody else's. */
bool fleet_is_of(const struct member *member, const char *service);
bool fleet_is_up(const struct member *member); /* running, restarting or paused */

enum fleet_health {
	FLEET_UNCHECKED, /* it has no health check */
	FLEET_STARTING,
	FLEET_HEALTHY,
	FLEET_UNHEALTHY,
};
enum fleet_health fleet_health(const struct fleet *fleet, const char *id);

/* Ours, of services that are not in the files; of one-off ones those that have ended, if they are
 * asked for. NULL-terminated, as below. */
struct member **fleet_orphans(struct fleet *fleet, const struct project *project, bool has_oneoff);

/* In service order: what a verb for `services` (empty: all of the project's) is about. One-off
 * containers only if asked for. The array lives in the fleet's arena, NULL-terminated. */
struct fleet_choice {
	const struct texts *services;
	bool has_oneoff, has_orphans;
	bool is_by_age; /* the newest first, as 1 has it */
	int index;      /* 0: all numbers */
};
struct member **fleet_choose(struct fleet *fleet, const struct project *project,
			     const struct fleet_choice *choice);
/* Whether it is one of those. */
bool fleet_is_chosen(const struct project *project, const struct fleet_choice *choice,
		     const struct member *member);

#endif
