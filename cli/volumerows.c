/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/volumerows.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/filter.h"
#include "cli/human.h"
#include "cli/jsonmaker.h"

#define OPEN_DIRECTORIES 16

/* Filters. ------------------------------------------------------------------------------------ */

/* What may be in use is not, as prune goes by it. */
static bool is_dangling(const struct engine *engine, struct arena *arena, const char *name)
{
	const struct volume_query query = { .name = name };
	struct error ignored;
	const char *user;

	return volume_user(engine, arena, &query, &user, &ignored) && !user;
}

static bool is_match(const struct engine *engine, struct arena *arena, const struct volume *volume,
		     const char *key, const char *value)
{
	if (strcmp(key, "name") == 0)
		return filter_is_found(value, volume->name);
	if (strcmp(key, "driver") == 0)
		return strcmp(value, "local") == 0;
	return is_dangling(engine, arena, volume->name) ==
	       (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

/* Of one key any value may match, of label all must. */
static bool is_wanted(const struct engine *engine, struct arena *arena, const struct volume *volume,
		      const struct texts *filters)
{
	static const char *const keys[] = { "name", "driver", "dangling" };

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		size_t at = 0, asked = 0, matched = 0;

		for (const char *value; (value = filter_next(filters, keys[i], &at)); asked++)
			matched += is_match(engine, arena, volume, keys[i], value);
		if (asked && !matched)
			return false;
	}
	return filter_are_labels(filters, &volume->labels);
}

bool volumerows_find(const struct engine *engine, struct arena *arena, const struct texts *filters,
		     struct texts *names, struct error *err)
{
	static const char *const known[] = { "name",          "driver", "dangling", "label",
					     FILTER_NO_LABEL, "all",    NULL };
	autotexts struct texts all = { 0 };
	struct error ignored; /* one that has gone, or cannot be read, is in no list */
	bool is_checked = false;

	if (!filter_names(filters, known, err) ||
	    !filter_truth(filters, "dangling", &is_checked, err) ||
	    !volume_list(engine, arena, &all, err))
		return false;
	for (size_t i = 0; i < all.count; i++) {
		struct volume volume;

		if (volume_read(engine, arena, all.items[i], &volume, &ignored) &&
		    is_wanted(engine, arena, &volume, filters))
			texts_add(names, all.items[i]);
	}
	texts_sort(names);
	return true;
}

/* Rows. --------------------------------------------------------------------------------------- */

static const char *links_text(struct arena *arena, const struct texts *users, const char *name)
{
	size_t links = 0;

	if (!users)
		return "N/A";
	for (size_t i = 0; i < users->count; i++)
		links += strcmp(users->items[i], name) == 0;
	return arena_printf(arena, "%zu", links);
}

static const char *size_text(struct arena *arena, const struct texts *users,
			     const struct volume *volume)
{
	char size[HUMAN_MAX];

	return users ? arena_strdup(arena, human_size(volumerows_size(volume), 4, size)) : "N/A";
}

bool volumerows_make(const struct engine *engine, struct arena *arena,
		     const struct volumerows *options, const struct json **rows, struct error *err)
{
	struct jsonmaker list = { arena, json_new(arena, NULL, NULL, JSON_ARRAY, NULL) };
	autotexts struct texts names = { 0 };
	struct error ignored; /* one that has just been removed */

	if (!volumerows_find(engine, arena, options->filters, &names, err))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		struct volume volume;

		if (!volume_read(engine, arena, names.items[i], &volume, &ignored))
			continue;
		struct jsonmaker row = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		jsonmaker_text(&row, "Availability", "N/A"); /* of clusters */
		jsonmaker_text(&row, "Driver", "local");
		jsonmaker_text(&row, "Group", "N/A");
		jsonmaker_labels(&row, "Labels", &volume.labels);
		jsonmaker_text(&row, "Links", links_text(arena, options->users, volume.name));
		jsonmaker_text(&row, "Mountpoint", volume.path);
		jsonmaker_text(&row, "Name", volume.name);
		jsonmaker_text(&row, "Scope", "local");
		jsonmaker_text(&row, "Size", size_text(arena, options->users, &volume));
		jsonmaker_text(&row, "Status", "N/A");
	}
	*rows = list.parent;
	return true;
}

static void add_pairs(const struct jsonmaker *object, const char *key, const struct texts *pairs)
{
	if (pairs->count)
		jsonmaker_pairs(object, key, pairs);
	else
		jsonmaker_text(object, key, NULL);
}

void volumerows_inspect(struct arena *arena, struct json *objects, const struct volume *volume)
{
	struct jsonmaker object = { arena, json_new(arena, objects, NULL, JSON_OBJECT, NULL) };
	static const char *const anonymous[] = { "com.docker.volume.anonymous=" };
	const struct texts label = { .items = (const char **)(uintptr_t)anonymous, .count = 1 };

	jsonmaker_text(&object, "CreatedAt", volume->created);
	jsonmaker_text(&object, "Driver", "local");
	add_pairs(&object, "Labels", volume->is_anonymous ? &label : &volume->labels);
	jsonmaker_text(&object, "Mountpoint", volume->path);
	jsonmaker_text(&object, "Name", volume->name);
	add_pairs(&object, "Options", &volume->options);
	jsonmaker_text(&object, "Scope", "local");
}

/* nftw(3) has no place for a context. */
static _Thread_local int64_t sum;

static int add_size(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)path;
	(void)where;
	if (kind == FTW_F || kind == FTW_SL)
		sum += status->st_size;
	return 0;
}

int64_t volumerows_size(const struct volume *volume)
{
	sum = 0;
	nftw(volume->path, add_size, OPEN_DIRECTORIES, FTW_PHYS | FTW_MOUNT);
	return sum;
}
