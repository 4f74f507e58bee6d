/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_CREATION_H
#define COMPOSE_CREATION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"
#include "compose/project.h"
#include "engine/container.h"

/*
 * From a service to the command line of `docker create` that makes one container of it.
 */
struct creation {
	struct project *project; /* texts live in its arena */
	const struct service *service;
	const struct engine *engine; /* where other containers are; NULL: they are named unseen */
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
/* A container of another service, as it is called for docker: its ID, or its name where it is not
 * there (yet). */
const char *creation_peer(const struct creation *creation, const struct service *service,
			  int number);
/* The same of any container. */
const char *creation_container(const struct creation *creation, const char *name);
/* There, and not one that has ended. Without an engine: so it is. */
bool creation_has_peer(const struct creation *creation, const struct service *service, int number);
void creation_networks(const struct creation *creation, struct texts *arguments);
must_check bool creation_mounts(const struct creation *creation, struct texts *arguments,
				struct error *err);
void creation_limits(const struct creation *creation, struct texts *arguments);

#endif
