/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/linktarget.h"

#include <string.h>

#include "engine/find.h"
#include "engine/status.h"

static bool find_common(const struct endpoints *ours, const struct endpoints *theirs,
			struct ipaddr *address)
{
	for (size_t i = 0; i < ours->count; i++) {
		for (size_t j = 0; j < theirs->count; j++) {
			if (strcmp(ours->items[i].network_id, theirs->items[j].network_id) == 0) {
				*address = theirs->items[j].addresses[NETWORK_IPV4].address;
				return true;
			}
		}
	}
	return false;
}

bool link_target_find(const struct engine *engine, struct arena *arena, const char *link,
		      const struct endpoints *endpoints, struct link_target *target)
{
	char *word = arena_strdup(arena, link);
	char *colon = strchr(word, ':');
	char *id = arena_alloc(arena, CONTAINER_ID_LENGTH + 1);
	struct container container = { 0 };
	struct endpoints theirs;
	struct error ignored; /* not there is not running */

	if (colon)
		*colon = '\0';
	*target = (struct link_target){ .alias = colon ? colon + 1 : word, .id = id };
	if (!find_one(engine, word, id, &ignored) ||
	    !container_read(engine, arena, id, &container, &ignored))
		return false;
	target->name = container.name;
	container_done(&container);
	return status_is_running(engine, id) && endpoints_read(engine, arena, id, &theirs) &&
	       find_common(endpoints, &theirs, &target->address);
}
