/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HAPPENING_H
#define ENGINE_HAPPENING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/network.h"

/*
 * docker events without a daemon: whoever does something writes it down (base/journal.h), and the
 * monitor writes down how containers end. Readers follow the files. That a container's networks and
 * volumes are free again nobody writes down: a reader of its end knows it.
 */

/* A container's event, with its image, name and labels; `extra` are more attributes, "KEY=VALUE",
 * NULL-terminated; NULL: none. */
void happening_container(const struct engine *engine, const struct container *container,
			 const char *action, const char *const *extra);
/* A network's; `container` is who joins or leaves it, NULL: nobody. */
void happening_network(const struct engine *engine, const struct network *network,
		       const char *action, const char *container);
/* A volume's. */
void happening_volume(const struct engine *engine, const char *name, const char *action);
/* A container that starts has it mounted. */
void happening_mount(const struct engine *engine, const struct container_mount *mount,
		     const char *container);
/* An image's, which `id` names; `name` is docker's attribute of that name. */
void happening_image(const struct engine *engine, const char *action, const char *id,
		     const char *name);

/* One event as it is read back. Texts live until the call returns. */
struct happening {
	int64_t time; /* nanoseconds since 1970 */
	const char *type, *action, *id;
	const struct json *attributes; /* an object, never NULL */
};

struct happening_query {
	int64_t since, until; /* nanoseconds since 1970; until 0: for ever */
	/* False ends the reading. */
	bool (*on_event)(void *context, const struct happening *happening);
	void *context;
};

/* Tells of every event from `since` to `until`, waiting for those that are still to come. */
must_check bool happening_read(const struct engine *engine, const struct happening_query *query,
			       struct error *err);

#endif
