/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dfverbose.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/containerrows.h"
#include "cli/human.h"
#include "cli/imagerows.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "cli/volumerows.h"
#include "engine/find.h"

static const struct listing images = {
	.fields = (const struct listing_field[]){ { "Repository", "REPOSITORY" },
						  { "Tag", "TAG" },
						  { "ID", "IMAGE ID" },
						  { "CreatedSince", "CREATED" },
						  { "Size", "SIZE" },
						  { "SharedSize", "SHARED SIZE" },
						  { "UniqueSize", "UNIQUE SIZE" },
						  { "Containers", "CONTAINERS" },
						  { .name = NULL } },
	.table = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}"
		 "\t"
		 "{{.UniqueSize}}\t{{.Containers}}",
};

static const struct listing containers = {
	.fields = (const struct listing_field[]){ { "ID", "CONTAINER ID" },
						  { "Image", "IMAGE" },
						  { "Command", "COMMAND" },
						  { "LocalVolumes", "LOCAL VOLUMES" },
						  { "Size", "SIZE" },
						  { "RunningFor", "CREATED" },
						  { "Status", "STATUS" },
						  { "Names", "NAMES" },
						  { .name = NULL } },
	.table =
		"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t"
		"{{.Status}}\t{{.Names}}",
};

static const struct listing volumes = {
	.fields = (const struct listing_field[]){ { "Name", "VOLUME NAME" },
						  { "Links", "LINKS" },
						  { "Size", "SIZE" },
						  { .name = NULL } },
	.table = "{{.Name}}\t{{.Links}}\t{{.Size}}",
};

static const struct listing builds = {
	.fields = (const struct listing_field[]){ { "ID", "CACHE ID" },
						  { "CacheType", "CACHE TYPE" },
						  { "Size", "SIZE" },
						  { "CreatedSince", "CREATED" },
						  { "LastUsedSince", "LAST USED" },
						  { "UsageCount", "USAGE" },
						  { "Shared", "SHARED" },
						  { .name = NULL } },
	.table = "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t"
		 "{{.UsageCount}}\t{{.Shared}}",
};

/* What containers hold: the images' IDs, and the names of volumes, each as often as it is held. */
static bool gather(const struct engine *engine, struct arena *arena, struct texts *of_images,
		   struct texts *of_volumes, struct error *err)
{
	autotexts struct texts ids = { 0 };
	struct error ignored; /* one that has just been removed */

	if (!find_all(engine, arena, &ids, err))
		return false;
	for (size_t i = 0; i < ids.count; i++) {
		struct container container = { 0 };

		if (container_read(engine, arena, ids.items[i], &container, &ignored)) {
			texts_add(of_images, container.image_id);
			for (size_t k = 0; k < container.mount_count; k++)
				if (container.mounts[k].kind == MOUNT_VOLUME)
					texts_add(of_volumes, container.mounts[k].source);
		}
		container_done(&container);
	}
	return true;
}

static bool show_images(struct engine *engine, struct arena *arena, const struct texts *users,
			struct error *err)
{
	static const struct texts no_filters = { 0 };
	const struct imagerows options = { .filters = &no_filters,
					   .now = time(NULL),
					   .users = users };
	const struct json *rows;

	printf("Images space usage:\n\n");
	return imagerows_make(&options, &engine->store, arena, &rows, err) &&
	       listing_print(&images, NULL, false, rows, err);
}

static bool show_containers(struct engine *engine, struct arena *arena, struct error *err)
{
	static const struct texts no_filters = { 0 };
	const struct containerrows options = { .is_all = true,
					       .has_own_sizes = true,
					       .filters = &no_filters,
					       .now = time(NULL),
					       .template = containers.table };
	const struct json *rows;

	printf("\nContainers space usage:\n\n");
	return containerrows_make(&options, engine, arena, &rows, err) &&
	       listing_print(&containers, NULL, false, rows, err);
}

static bool show_volumes(struct engine *engine, struct arena *arena, const struct texts *users,
			 struct error *err)
{
	static const struct texts no_filters = { 0 };
	struct jsonmaker rows = { arena, json_new(arena, NULL, NULL, JSON_ARRAY, NULL) };
	autotexts struct texts names = { 0 };
	struct error ignored; /* one that has just been removed */

	printf("\nLocal Volumes space usage:\n\n");
	if (!volumerows_find(engine, arena, &no_filters, &names, err))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		struct volume volume;
		char size[HUMAN_MAX];
		size_t links = 0;

		if (!volume_read(engine, arena, names.items[i], &volume, &ignored))
			continue;
		for (size_t k = 0; k < users->count; k++)
			links += strcmp(users->items[k], names.items[i]) == 0;
		human_size(volumerows_size(&volume), 4, size);
		struct jsonmaker row = jsonmaker_nested(&rows, NULL, JSON_OBJECT);
		jsonmaker_text(&row, "Name", names.items[i]);
		jsonmaker_text(&row, "Links", arena_printf(arena, "%zu", links));
		jsonmaker_text(&row, "Size", arena_strdup(arena, size));
	}
	return listing_print(&volumes, NULL, false, rows.parent, err);
}

bool dfverbose_print(struct engine *engine, struct arena *arena, struct error *err)
{
	autotexts struct texts of_images = { 0 };
	autotexts struct texts of_volumes = { 0 };

	if (!gather(engine, arena, &of_images, &of_volumes, err) ||
	    !show_images(engine, arena, &of_images, err) || !show_containers(engine, arena, err) ||
	    !show_volumes(engine, arena, &of_volumes, err))
		return false;
	printf("\nBuild cache usage: 0B\n\n");
	return listing_print(&builds, NULL, false, json_new(arena, NULL, NULL, JSON_ARRAY, NULL),
			     err);
}
