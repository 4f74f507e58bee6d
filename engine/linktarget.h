/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LINKTARGET_H
#define ENGINE_LINKTARGET_H

#include <stdbool.h>

#include "base/ipaddr.h"
#include "base/mem.h"
#include "engine/endpoint.h"
#include "engine/engine.h"

/*
 * --link CONTAINER[:ALIAS]: another container by a name of one's own.
 */
struct link_target {
	const char *alias;
	const char *id, *name;
	struct ipaddr address; /* in the first network that both are in; family 0: none, or it does
				  not run */
};

/* True if it runs in one of these networks. Texts live in `arena`. */
bool link_target_find(const struct engine *engine, struct arena *arena, const char *link,
		      const struct endpoints *endpoints, struct link_target *target);

#endif
