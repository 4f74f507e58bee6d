/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerrow.h"

#include <stdlib.h>
#include <string.h>

#include "cli/jsonmaker.h"
#include "cli/netsettings.h"
#include "cli/rowmemory.h"
#include "engine/find.h"

/* From a container to its row. ---------------------------------------------------------------- */

static const char *command_line(struct arena *arena, const struct container *container)
{
	autotexts struct texts argv = { 0 };

	container_argv(container, &argv);
	for (size_t i = 1; i < argv.count; i++)
		if (strchr(argv.items[i], ' '))
			argv.items[i] = arena_printf(arena, "'%s'", argv.items[i]);
	return texts_join(&argv, arena, " ");
}

static void fill_mounts(struct arena *arena, struct containerrow *row)
{
	autotexts struct texts sources = { 0 };

	for (size_t i = 0; i < row->container->mount_count; i++) {
		const struct container_mount *mount = &row->container->mounts[i];

		row->volume_count += mount->kind == MOUNT_VOLUME;
		if (mount->source)
			texts_add(&sources, mount->source);
	}
	row->mounts = texts_join(&sources, arena, ",");
}

/* All but what the container's files say; those are read already. */
static void fill(const struct engine *engine, struct arena *arena, struct containerrow *row)
{
	const struct container *container = row->container;
	struct health health;

	row->id = container->id;
	row->name = container->name;
	row->image = container->image;
	row->image_id = container->image_id;
	row->created = container->created;
	row->command = command_line(arena, container);
	row->labels = jsonmaker_labels_text(arena, &container->labels);
	row->networks = netsettings_networks_cell(arena, container);
	row->ports = status_has_process(&row->status)
			     ? netsettings_ports_cell(engine, arena, container)
			     : "";
	fill_mounts(arena, row);
	health_read(engine, arena, container, &row->status, &health);
	row->health = health.state;
}

/* All of them. -------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
	const struct containerrow *left = a;
	const struct containerrow *right = b;

	return strcmp(right->created, left->created);
}

/* False only if it cannot be said what is there at all; *is_there: there is a row now. */
static bool read_row(const struct engine *engine, struct arena *arena, const char *id,
		     struct containerrows_read *rows, struct error *err)
{
	struct containerrow *row = &rows->items[rows->count];

	*row = (struct containerrow){
		.container = arena_alloc(arena, sizeof(*row->container)),
	};
	if (!container_read(engine, arena, id, row->container, err)) {
		container_done(row->container);
		rows->has_rubbish |= err->kind == ERROR_NOT_FOUND;
		/* A damaged one must not hide the others. */
		if (err->kind == ERROR_CORRUPT)
			rows->damages[rows->damage_count++] = arena_strdup(arena, err->text);
		return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CORRUPT;
	}
	status_read(engine, arena, id, &row->status);
	rows->has_rubbish |=
		row->container->is_removed_on_exit && row->status.state == STATUS_EXITED;
	fill(engine, arena, row);
	rows->count++;
	return true;
}

bool containerrow_read_all(const struct engine *engine, struct arena *arena, bool is_brief,
			   struct containerrows_read *rows, struct error *err)
{
	autotexts struct texts ids = { 0 };
	struct rowmemory memory = { 0 };

	*rows = (struct containerrows_read){ 0 };
	if (!find_all(engine, arena, &ids, err))
		return false;
	if (is_brief)
		rowmemory_read(engine, arena, &memory);
	rows->items = arena_array(arena, ids.count + 1, sizeof(*rows->items));
	rows->damages = arena_array(arena, ids.count + 1, sizeof(*rows->damages));
	for (size_t i = 0; i < ids.count; i++) {
		const struct containerrow *known = rowmemory_find(engine, &memory, ids.items[i]);

		if (known)
			rows->items[rows->count++] = *known;
		else if (!read_row(engine, arena, ids.items[i], rows, err))
			return false;
	}
	qsort(rows->items, rows->count, sizeof(*rows->items), newest_first);
	if (is_brief)
		rowmemory_write(engine, rows);
	return true;
}

void containerrow_done(struct containerrows_read *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->items[i].container)
			container_done(rows->items[i].container);
	}
	rows->count = 0;
}
