/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LINKTARGET_H
#define ENGINE_LINKTARGET_H

#include <stdbool.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/endpoint.h"
#include "engine/engine.h"

/*
 * --link CONTAINER[:ALIAS] in the default network, where nobody knows the others by name: docker's
 * legacy links. The other container is found when the one that links is created, and kept as
 * "ID:NAME:ALIAS"; it has to run when the one is started, whose hosts file and environment tell of
 * it.
 * In a user network a link is a name and no more (names.h).
 */
struct link_target {
	const char *alias;
	const char *name; /* the other one's, or what it was */
	bool is_there;
	struct container container; /* the other one: for link_target_done */
	struct ipaddr address;      /* in the default network */
};

/* For the command line: "NAME", "NAME:ALIAS", and what inspect shows, "/NAME:/OTHER/ALIAS". */
bool link_target_check(const char *text, struct error *err);

/* At creation: container->links become "ID:NAME:ALIAS"; one that is not there is refused. Of two
 * with one alias the first counts. Texts live in `arena`. */
must_check bool link_target_resolve(const struct engine *engine, struct arena *arena,
				    struct container *container, struct error *err);

/* Where a link leads now, seen from a container with these endpoints. ERROR_NOT_FOUND: it is not in
 * the default network (any more), and the link means nothing. Texts live in `arena`. */
must_check bool link_target_find(const struct engine *engine, struct arena *arena,
				 const struct container *container, const char *link,
				 const struct endpoints *endpoints, struct link_target *target,
				 struct error *err);
void link_target_done(struct link_target *target);

/* docker rm --link: takes the link "NAME/ALIAS" away; what runs keeps what it was told. Docker's
 * words where there is none. */
must_check bool link_target_remove(struct engine *engine, const char *text, struct error *err);

/* "NAME/ALIAS" is a name of the one that the link leads to. False: there is no such link, or the
 * other one is gone. */
bool link_target_named(const struct engine *engine, const char *text,
		       char id[CONTAINER_ID_LENGTH + 1]);

/* "/OTHER:/NAME/ALIAS", as inspect shows it; in `arena`. */
const char *link_target_text(const struct engine *engine, struct arena *arena,
			     const struct container *container, const char *link);

/* The variables of all of a container's links, docker's names: ALIAS_PORT, ALIAS_PORT_80_TCP_ADDR,
 * ALIAS_NAME, ALIAS_ENV_KEY… Fails if one of
 * the others does not run; those of the rest are there all the same. Texts live in `arena`. */
must_check bool link_target_env(const struct engine *engine, struct arena *arena,
				const struct container *container,
				const struct endpoints *endpoints, struct texts *env,
				struct error *err);

#endif
