/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerrows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "cli/containerfilter.h"
#include "cli/containerrow.h"
#include "cli/filter.h"
#include "cli/goquote.h"
#include "cli/human.h"
#include "cli/jsonmaker.h"
#include "cli/opt.h"
#include "cli/textwidth.h"
#include "engine/claim.h"
#include "engine/container.h"
#include "engine/find.h"
#include "engine/health.h"
#include "engine/names.h"
#include "engine/status.h"
#include "engine/tree.h"

#define COMMAND_WIDTH 20
#define MOUNT_WIDTH   15

struct maker {
	const struct containerrows *options;
	struct engine *engine;
	struct arena *arena;
	struct containerrows_read read;
	bool is_all;
	unsigned wanted_cells; /* a bit for each that the template names; 0: not found out yet */
	const struct containerrow *before, *since; /* NULL: not asked for */
	const char *image, *image_id, *image_cell; /* of the row before */
};

/* Filters. ------------------------------------------------------------------------------------ */

static bool find_row(struct maker *maker, const char *filter, const struct containerrow **row,
		     struct error *err)
{
	char id[CONTAINER_ID_LENGTH + 1];
	size_t at = 0;
	const char *value = filter_next(maker->options->filters, filter, &at);

	if (!value)
		return true;
	if (!find_one(maker->engine, value, id, err))
		return false;
	for (size_t i = 0; i < maker->read.count; i++) {
		if (strcmp(maker->read.items[i].id, id) == 0)
			*row = &maker->read.items[i];
	}
	return true;
}

static bool read_filters(struct maker *maker, struct error *err)
{
	static const char *const names[] = { "id",       "name",   "label",  "status",  "exited",
					     "ancestor", "before", "since",  "volume",  "network",
					     "publish",  "expose", "health", "is-task", NULL };

	size_t status = 0, exited = 0;

	maker->is_all = maker->options->is_all || maker->options->last > 0 ||
			filter_next(maker->options->filters, "status", &status) ||
			filter_next(maker->options->filters, "exited", &exited);
	return filter_names(maker->options->filters, names, err) &&
	       containerfilter_check(maker->options->filters, err) &&
	       find_row(maker, "before", &maker->before, err) &&
	       find_row(maker, "since", &maker->since, err);
}

/* Values of one key: any may match. */
static bool is_any_match(const struct maker *maker, const struct containerrow *row,
			 const char *name)
{
	size_t at = 0;
	const char *value = filter_next(maker->options->filters, name, &at);

	if (!value)
		return true;
	for (; value; value = filter_next(maker->options->filters, name, &at)) {
		if (containerfilter_is_match(maker->engine, row, name, value))
			return true;
	}
	return false;
}

static bool is_wanted(const struct maker *maker, const struct containerrow *row)
{
	static const char *const names[] = { "id",       "name",   "status",  "exited",
					     "ancestor", "volume", "network", "publish",
					     "expose",   "health", "is-task" };

	if (!maker->is_all && !status_has_process(&row->status) &&
	    row->status.state != STATUS_RESTARTING)
		return false;
	if (maker->before && strcmp(maker->before->created, row->created) <= 0)
		return false;
	if (maker->since && strcmp(maker->since->created, row->created) >= 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!is_any_match(maker, row, names[i]))
			return false;
	}
	return maker->options->filters->count == 0 || /* its labels may not have been read */
	       filter_are_labels(maker->options->filters, &row->container->labels);
}

/* Cells. -------------------------------------------------------------------------------------- */

static int64_t seconds_of(const char *time)
{
	int64_t seconds = 0;
	long nanoseconds;

	return image_time_parse(time, &seconds, &nanoseconds) ? seconds : 0;
}

/* "2 seconds"; a clock that was set back gives no negative age. */
static const char *age(const struct maker *maker, const char *time)
{
	char text[HUMAN_MAX];
	int64_t seconds = maker->options->now - seconds_of(time);

	return arena_strdup(maker->arena, human_duration(seconds < 0 ? 0 : seconds, text));
}

static const char *health_cell(enum health_state health)
{
	static const char *const cells[] = {
		[HEALTH_NONE] = "",
		[HEALTH_STARTING] = " (health: starting)",
		[HEALTH_HEALTHY] = " (healthy)",
		[HEALTH_UNHEALTHY] = " (unhealthy)",
	};

	return cells[health];
}

static const char *status_cell(struct maker *maker, const struct containerrow *row)
{
	const struct status *status = &row->status;

	if (status->state == STATUS_CREATED)
		return "Created";
	if (status->state == STATUS_RUNNING && strcmp(status->started_at, STATUS_NEVER) == 0)
		return arena_printf(maker->arena, "Up Less than a second%s",
				    health_cell(row->health));
	if (status->state == STATUS_PAUSED)
		return arena_printf(maker->arena, "Up %s (Paused)", age(maker, status->started_at));
	if (status->state == STATUS_RUNNING)
		return arena_printf(maker->arena, "Up %s%s", age(maker, status->started_at),
				    health_cell(row->health));
	if (status->state == STATUS_RESTARTING)
		return arena_printf(maker->arena, "Restarting (%d) %s ago", status->exit_code,
				    age(maker, status->finished_at));
	if (strcmp(status->finished_at, STATUS_NEVER) == 0)
		return arena_printf(maker->arena, "Exited (%d)", status->exit_code);
	return arena_printf(maker->arena, "Exited (%d) %s ago", status->exit_code,
			    age(maker, status->finished_at));
}

static const char *command_cell(struct maker *maker, const struct containerrow *row)
{
	if (maker->options->is_whole)
		return goquote(maker->arena, row->command);
	return goquote(maker->arena, textwidth_cut(maker->arena, row->command, COMMAND_WIDTH));
}

/* The reference as it was typed, or the ID once that name means another image. */
static const char *find_image_cell(const struct maker *maker, const struct containerrow *row)
{
	autoarena struct arena arena = { 0 };
	struct store_image image;
	struct error ignored; /* gone: then it is shown by its ID */
	const char *hex = strchr(row->image_id, ':');

	if (store_find(&maker->engine->store, &arena, row->image, &image, &ignored) &&
	    strcmp(image.id.text, row->image_id) == 0)
		return row->image;
	if (maker->options->is_whole)
		return row->image_id;
	return hex ? arena_printf(maker->arena, "%.*s", CONTAINER_SHORT_ID, hex + 1) : row->image;
}

/* Neighbours are often of one image. */
static const char *image_cell(struct maker *maker, const struct containerrow *row)
{
	if (!maker->image || strcmp(maker->image, row->image) != 0 ||
	    strcmp(maker->image_id, row->image_id) != 0)
		maker->image_cell = find_image_cell(maker, row);
	maker->image = row->image;
	maker->image_id = row->image_id;
	return maker->image_cell;
}

/* Sources, each cut to MOUNT_WIDTH. */
static const char *mounts_cell(struct maker *maker, const struct containerrow *row)
{
	const char *line = "";

	if (maker->options->is_whole)
		return row->mounts;
	for (const char *source = row->mounts; *source;) {
		size_t length = strcspn(source, ",");
		const char *one = arena_strndup(maker->arena, source, length);

		line = arena_printf(maker->arena, "%s%s%s", line, *line ? "," : "",
				    textwidth_cut(maker->arena, one, MOUNT_WIDTH));
		source += length + (source[length] == ',');
	}
	return line;
}

/* Ours is always UTC: "2026-11-23T18:52:21.123456789Z". */
static const char *created_cell(struct maker *maker, const struct containerrow *row)
{
	const char *time = strchr(row->created, 'T');

	return time ? arena_printf(maker->arena, "%.*s %.8s +0000 UTC", (int)(time - row->created),
				   row->created, time + 1)
		    : row->created;
}

static const char *id_cell(struct maker *maker, const struct containerrow *row)
{
	return maker->options->is_whole ? row->id
					: arena_strndup(maker->arena, row->id, CONTAINER_SHORT_ID);
}

static const char *volumes_cell(struct maker *maker, const struct containerrow *row)
{
	return arena_printf(maker->arena, "%lld", (long long)row->volume_count);
}

static const char *age_cell(struct maker *maker, const struct containerrow *row)
{
	return arena_printf(maker->arena, "%s ago", age(maker, row->created));
}

/* "12B (virtual 1.98MB)": what it wrote, and that with its image. */
static const char *size_cell(struct maker *maker, const struct containerrow *row)
{
	struct store_image image;
	struct error ignored; /* the image is gone: its size is not known */
	char own[HUMAN_MAX], whole[HUMAN_MAX];

	if (!maker->options->has_sizes && !maker->options->has_own_sizes)
		return "0B";
	int64_t bytes = tree_size(
		arena_printf(maker->arena, "%s/containers/%s/upper", maker->engine->root, row->id));
	if (maker->options->has_own_sizes)
		return arena_strdup(maker->arena, human_size(bytes, 3, own));
	bool is_found =
		store_find(&maker->engine->store, maker->arena, row->image_id, &image, &ignored);
	return arena_printf(maker->arena, "%s (virtual %s)", human_size(bytes, 3, own),
			    human_size(bytes + (is_found ? image.size : 0), 3, whole));
}

static const char *labels_cell(struct maker *maker, const struct containerrow *row)
{
	(void)maker;
	return row->labels;
}

/* A link is a name, too: NAME,OTHER/ALIAS. */
static void add_link_names(struct maker *maker, const char *id, struct texts *names)
{
	for (size_t i = 0; i < maker->read.count; i++) {
		const struct container *other = maker->read.items[i].container;

		for (size_t j = 0; other && j < other->links.count; j++) {
			const char *link = other->links.items[j]; /* "ID:NAME:ALIAS" */

			if (strncmp(link, id, CONTAINER_ID_LENGTH) == 0)
				texts_add(names, arena_printf(maker->arena, "%s/%s", other->name,
							      strrchr(link, ':') + 1));
		}
	}
}

static const char *name_cell(struct maker *maker, const struct containerrow *row)
{
	autotexts struct texts names = { 0 };

	if (!maker->options->is_whole)
		return row->name;
	texts_add(&names, row->name);
	add_link_names(maker, row->id, &names);
	texts_sort(&names);
	return texts_join(&names, maker->arena, ",");
}

static const char *networks_cell(struct maker *maker, const struct containerrow *row)
{
	(void)maker;
	return row->networks;
}

static const char *platform_cell(struct maker *maker, const struct containerrow *row)
{
	(void)maker, (void)row;
	return NULL;
}

static const char *ports_cell(struct maker *maker, const struct containerrow *row)
{
	(void)maker;
	return row->ports;
}

static const char *state_cell(struct maker *maker, const struct containerrow *row)
{
	(void)maker;
	return status_name(row->status.state);
}

static void add_row(struct maker *maker, const struct jsonmaker *rows,
		    const struct containerrow *row)
{
	static const struct {
		const char *name;
		const char *(*make)(struct maker *maker, const struct containerrow *row);
	} cells[] = {
		{ "Command", command_cell },
		{ "CreatedAt", created_cell },
		{ "ID", id_cell },
		{ "Image", image_cell },
		{ "Labels", labels_cell },
		{ "LocalVolumes", volumes_cell },
		{ "Mounts", mounts_cell },
		{ "Names", name_cell },
		{ "Networks", networks_cell },
		{ "Platform", platform_cell },
		{ "Ports", ports_cell },
		{ "RunningFor", age_cell },
		{ "Size", size_cell },
		{ "State", state_cell },
		{ "Status", status_cell },
	};
	struct jsonmaker object = jsonmaker_nested(rows, NULL, JSON_OBJECT);
	const char *template = maker->options->template;

	if (!maker->wanted_cells) {
		for (size_t i = 0; i < COUNT_OF(cells); i++)
			maker->wanted_cells |=
				(unsigned)(!template || strstr(template, cells[i].name)) << i;
	}
	for (size_t i = 0; i < COUNT_OF(cells); i++) {
		if (maker->wanted_cells & 1U << i)
			jsonmaker_text(&object, cells[i].name, cells[i].make(maker, row));
	}
}

/* Filters look at everything, and so do the names that links give. */
static bool is_brief(const struct containerrows *options)
{
	const char *template = options->template;

	return options->filters->count == 0 &&
	       (!options->is_whole || (template && !strstr(template, "Names")));
}

/* What looks like rubbish is swept, which may show that it is a container after all. */
static bool read_rows(struct maker *maker, struct error *err)
{
	bool has_memory = is_brief(maker->options);

	names_revive(maker->engine);
	if (!containerrow_read_all(maker->engine, maker->arena, has_memory, &maker->read, err))
		return false;
	if (!maker->read.has_rubbish && !claim_has_rubbish(maker->engine))
		return true;
	claim_sweep(maker->engine);
	containerrow_done(&maker->read);
	return containerrow_read_all(maker->engine, maker->arena, has_memory, &maker->read, err);
}

bool containerrows_make(const struct containerrows *options, struct engine *engine,
			struct arena *arena, const struct json **rows, struct error *err)
{
	struct maker maker = { .options = options, .engine = engine, .arena = arena };
	struct jsonmaker list = { arena, json_new(arena, NULL, NULL, JSON_ARRAY, NULL) };
	int64_t left = options->last > 0 ? options->last : INT64_MAX;

	bool is_done = read_rows(&maker, err) && read_filters(&maker, err);
	for (size_t i = 0; is_done && i < maker.read.count && left > 0; i++) {
		if (is_wanted(&maker, &maker.read.items[i])) {
			add_row(&maker, &list, &maker.read.items[i]);
			left--;
		}
	}
	for (size_t i = 0; is_done && i < maker.read.damage_count; i++)
		log_warning("%s", maker.read.damages[i]);
	containerrow_done(&maker.read);
	*rows = list.parent;
	return is_done;
}
