/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_CREATION_H
#define COMPOSE_CREATION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"
#include "compose/project.h"
#include "compose/upplan.h"
#include "engine/container.h"

/*
 * From a service to the command line of `docker create` that makes one container of it.
 */
struct creation {
	struct project *project; /* texts live in its arena */
	const struct service *service;
	const struct fleet *fleet; /* the containers of the project before anything was made */
	const struct upplan *plan; /* what is being made; NULL: nothing */
	const char *name;
	const char *version; /* of compose: a label */
	int number;
	bool is_oneoff;              /* `run`: without aliases, and ports only if asked for */
	bool has_ports;              /* the service's; else none */
	bool has_aliases;            /* reachable by the service's name */
	const struct texts *carried; /* of creation_carry; NULL: none */
	const struct texts *extra;   /* options that come last, and so count more; NULL: none */
	const struct texts *command; /* instead of the service's; NULL: the service's */
	const char *entrypoint;      /* instead of the service's; NULL: the service's */
};

/* Appends options, image and command; not "create" itself. Fails for what cannot be said: a file of
 * a secret that is not there. */
must_check bool creation_arguments(const struct creation *creation, struct texts *arguments,
				   struct error *err);

/* "ID:TARGET" of a container's anonymous volumes, for the one that replaces it. */
void creation_carry(struct arena *arena, const struct service *service,
		    const struct container *from, struct texts *volumes);

/* Tells on stderr what the service says and this runtime leaves out. */
void creation_warn(const struct project *project, const struct service *service);

/* -- the parts of it, each in a file ---------------------------------------------------------- */

/* "--OPTION", "VALUE" */
void creation_add(struct texts *arguments, const char *option, const char *value);
/* A container of another service. */
struct creation_peer {
	const char *id, *name;
	int number;
};
/* The one with the lowest number above `after`; false if there is none (yet). */
bool creation_next_peer(const struct creation *creation, const struct service *service, int after,
			struct creation_peer *peer);
/* The ID of the one whose namespace or volumes ("volume", "PID namespace") are shared. Where there
 * is none 2 fails, and 1 tells of it and does without: then *id is NULL. */
must_check bool creation_lender(const struct creation *creation, const struct service *service,
				const char *what, const char **id, struct error *err);
/* The ID of any container, or its name where it is not there (yet). */
const char *creation_container(const struct creation *creation, const char *name);
must_check bool creation_networks(const struct creation *creation, struct texts *arguments,
				  struct error *err);
must_check bool creation_mounts(const struct creation *creation, struct texts *arguments,
				struct error *err);
void creation_limits(const struct creation *creation, struct texts *arguments);

#endif
