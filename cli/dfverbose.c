/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dfverbose.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/containerrows.h"
#include "cli/imagerows.h"
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

struct sheets {
	const struct json *images, *containers, *volumes, *builds;
};

static bool make(struct engine *engine, struct arena *arena, bool is_table, struct sheets *sheets,
		 struct error *err)
{
	static const struct texts no_filters = { 0 };
	autotexts struct texts of_images = { 0 };
	autotexts struct texts of_volumes = { 0 };
	const struct imagerows of_image = { .filters = &no_filters,
					    .is_whole = !is_table,
					    .now = time(NULL),
					    .users = &of_images };
	const struct containerrows of_container = { .is_all = true,
						    .is_whole = !is_table,
						    .has_own_sizes = true,
						    .filters = &no_filters,
						    .now = time(NULL),
						    .template =
							    is_table ? containers.table : NULL };
	const struct volumerows of_volume = { .filters = &no_filters, .users = &of_volumes };

	sheets->builds = json_new(arena, NULL, NULL, JSON_ARRAY, NULL);
	return gather(engine, arena, &of_images, &of_volumes, err) &&
	       imagerows_make(&of_image, &engine->store, arena, &sheets->images, err) &&
	       containerrows_make(&of_container, engine, arena, &sheets->containers, err) &&
	       volumerows_make(engine, arena, &of_volume, &sheets->volumes, err);
}

static bool print_tables(const struct sheets *sheets, struct error *err)
{
	const struct {
		const char *title;
		const struct listing *listing;
		const struct json *rows;
	} tables[] = {
		{ "Images space usage:", &images, sheets->images },
		{ "\nContainers space usage:", &containers, sheets->containers },
		{ "\nLocal Volumes space usage:", &volumes, sheets->volumes },
		{ "\nBuild cache usage: 0B", &builds, sheets->builds },
	};

	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		printf("%s\n\n", tables[i].title);
		if (!listing_print(tables[i].listing, NULL, false, tables[i].rows, err))
			return false;
	}
	return true;
}

/* A template sees all four at once. */
static bool print_whole(struct arena *arena, const struct sheets *sheets, const char *format,
			struct error *err)
{
	static const struct listing_field no_fields[] = { { .name = NULL } };
	static const struct listing listing = { .fields = no_fields,
						.type = "*formatter.diskUsageContext" };
	struct json *rows = json_new(arena, NULL, NULL, JSON_ARRAY, NULL);
	struct json *whole = json_new(arena, rows, NULL, JSON_OBJECT, NULL);

	(void)json_copy(arena, whole, "Images", sheets->images);
	(void)json_copy(arena, whole, "Containers", sheets->containers);
	(void)json_copy(arena, whole, "Volumes", sheets->volumes);
	(void)json_copy(arena, whole, "BuildCache", sheets->builds);
	return listing_print(&listing, format, false, rows, err);
}

bool dfverbose_print(struct engine *engine, struct arena *arena, const char *format,
		     struct error *err)
{
	bool is_table = !format || !*format || strcmp(format, "table") == 0;
	struct sheets sheets;

	return make(engine, arena, is_table, &sheets, err) &&
	       (is_table ? print_tables(&sheets, err) : print_whole(arena, &sheets, format, err));
}
