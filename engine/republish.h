/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_REPUBLISH_H
#define ENGINE_REPUBLISH_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/attachment.h"

/*
 * Published ports of a container that runs, whose networks change. In the host's namespace, or in
 * the hub.
 */

/* self->endpoints.ports, for which `fresh` holds the host's ports (a hub's slirp4netns is asked
 * here), lead to the container. From here on its monitor keeps them. */
must_check bool republish_fresh(struct attachment *self, struct bag *fresh, struct error *err);

/* What is published leads by the network that is now the way outward, at the address that this one
 * publishes at. Where there is none it is published no more: the address that was left is about to
 * be somebody else's. After a failure self->is_unpublished says whether it is published at all. */
must_check bool republish(struct attachment *self, struct error *err);

#endif
