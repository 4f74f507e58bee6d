/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wreck.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/network.h"

static bool is_name_of(const struct engine *engine, const char *name, const char *id)
{
	char holder[CONTAINER_ID_LENGTH + 1];
	ssize_t length = readlinkat(engine->names, name, holder, sizeof(holder));

	return length == CONTAINER_ID_LENGTH && memcmp(holder, id, CONTAINER_ID_LENGTH) == 0;
}

static bool find_name(const struct engine *engine, struct arena *arena, const char *id,
		      const char **name, struct error *err)
{
	autodir DIR *dir = file_list(engine->names, ".");
	struct dirent *entry;
	bool is_read;

	if (!dir)
		return error_sys(err, "list names");
	while ((is_read = file_next(dir, "names", &entry, err)) && entry) {
		if (is_name_of(engine, entry->d_name, id))
			*name = arena_strdup(arena, entry->d_name);
	}
	return is_read;
}

static bool find_networks(const struct engine *engine, struct arena *arena,
			  struct container *container, struct error *err)
{
	struct network *all;
	size_t count;

	if (!network_list(engine, arena, &all, &count, err))
		return false;
	container->networks = arena_array(arena, count + 1, sizeof(*container->networks));
	for (size_t i = 0; i < count; i++)
		container->networks[container->network_count++].name = all[i].name;
	return true;
}

bool wreck_read(const struct engine *engine, struct arena *arena, const char *id,
		struct container *container, struct error *err)
{
	static const struct container empty = { 0 };

	container_copy(&empty, container);
	container->id = arena_strdup(arena, id);
	return find_name(engine, arena, id, &container->name, err) &&
	       find_networks(engine, arena, container, err);
}
