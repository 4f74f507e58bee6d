/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/human.h"
#include "cli/listing.h"
#include "cli/textwidth.h"
#include "engine/engine.h"
#include "image/limits.h"

struct values {
	bool is_raw, is_whole, is_quiet;
	const char *format, *platform;
};

static const struct opt opts[] = {
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "human", 'H', OPT_UNLESS, offsetof(struct values, is_raw), NULL,
	  "Print sizes and dates in human readable format", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct values, is_whole), NULL, "Don't truncate output",
	  NULL },
	{ "platform", 0, OPT_WORD, offsetof(struct values, platform), "string",
	  "Show history for the given platform", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL, "Only show image IDs",
	  NULL },
	{ .name = NULL },
};

static const struct listing_field fields[] = {
	{ "ID", "IMAGE" },
	{ "CreatedSince", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "CreatedBy", "CREATED BY" },
	{ "Size", "SIZE" },
	{ "Comment", "COMMENT" },
	{ .name = NULL },
};

#define COLUMNS(created) "{{.ID}}\t{{." created "}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"

/* As in images: an image has no id but its newest line's. */
#define NO_ID          "<missing>"
#define SHORT_ID       12
#define CREATED_BY_MAX 45
#define NO_TIME        "0001-01-01T00:00:00Z" /* Go's first moment */

struct maker {
	const struct values *values;
	const struct store *store;
	const struct store_image *image;
	struct arena *arena;
	struct json *rows;
	time_t now;
};

static void add(const struct maker *maker, struct json *row, const char *field, const char *text)
{
	(void)json_new(maker->arena, row, field, JSON_TEXT, text);
}

/* The command stands between the two, as docker has it: by the alphabet. */
static void add_made(const struct maker *maker, struct json *row, const char *created,
		     const char *command)
{
	char age[HUMAN_MAX], text[64] = "";
	int64_t seconds;
	long nanoseconds;
	struct tm parts;

	if (!image_time_parse(created, &seconds, &nanoseconds)) {
		add(maker, row, "CreatedAt", NO_TIME);
		add(maker, row, "CreatedBy", command);
		add(maker, row, "CreatedSince", maker->values->is_raw ? NO_TIME : "N/A");
		return;
	}
	time_t moment = (time_t)seconds;

	if (gmtime_r(&moment, &parts))
		(void)!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	add(maker, row, "CreatedAt", text);
	add(maker, row, "CreatedBy", command);
	human_duration(maker->now - seconds, age);
	add(maker, row, "CreatedSince",
	    maker->values->is_raw ? text : arena_printf(maker->arena, "%s ago", age));
}

/* One line: tabs would be columns. */
static const char *short_command(const struct maker *maker, const char *command)
{
	char *text = arena_strdup(maker->arena, command);

	for (char *at = text; *at; at++)
		if (*at == '\t')
			*at = ' ';
	return maker->values->is_whole ? text : textwidth_cut(maker->arena, text, CREATED_BY_MAX);
}

static void add_size(const struct maker *maker, struct json *row, int64_t bytes)
{
	char text[HUMAN_MAX];

	add(maker, row, "Size",
	    maker->values->is_raw ? arena_printf(maker->arena, "%lld", (long long)bytes)
				  : human_size(bytes, 3, text));
}

static void add_id(const struct maker *maker, struct json *row, bool is_newest)
{
	const struct digest *id = &maker->image->id;

	if (!is_newest)
		add(maker, row, "ID", NO_ID);
	else if (maker->values->is_whole)
		add(maker, row, "ID", id->text);
	else
		add(maker, row, "ID", arena_strndup(maker->arena, digest_hex(id), SHORT_ID));
}

static bool add_row(const struct maker *maker, const struct json *line, bool is_newest,
		    int64_t bytes, struct error *err)
{
	struct json *row = json_new(maker->arena, maker->rows, NULL, JSON_OBJECT, NULL);
	const char *created, *created_by, *comment;

	if (!json_text_or(line, "created", "", &created, err) ||
	    !json_text_or(line, "created_by", "", &created_by, err) ||
	    !json_text_or(line, "comment", "", &comment, err))
		return false;
	add(maker, row, "Comment", comment);
	add_made(maker, row, created, short_command(maker, created_by));
	add_id(maker, row, is_newest);
	add_size(maker, row, bytes);
	return true;
}

/* The lines of the history that made a layer, from the newest on, take the layers from the top. */
static bool add_rows(const struct maker *maker, const struct json *history, struct error *err)
{
	const struct json *lines[LIMIT_CONFIG_ITEMS];
	size_t layers = maker->image->layer_count, count = 0;

	for (const struct json *line = history ? history->child : NULL;
	     line && count < LIMIT_CONFIG_ITEMS; line = line->next)
		lines[count++] = line;
	for (size_t i = count; i-- > 0;) {
		int64_t bytes = 0;
		bool is_empty;

		if (!json_bool_or(lines[i], "empty_layer", false, &is_empty, err) ||
		    (!is_empty && layers > 0 &&
		     !store_layer_size(maker->store, &maker->image->chains[--layers], &bytes,
				       err)) ||
		    !add_row(maker, lines[i], i == count - 1, bytes, err))
			return false;
	}
	return true;
}

static bool read_history(struct maker *maker, struct error *err)
{
	const struct json *root, *history;
	autobuf struct buf text;

	buf_init(&text, LIMIT_IMAGE_JSON);
	return store_read_blob(maker->store, &maker->image->id, &text, err) &&
	       json_parse(maker->arena, "image configuration", text.data ? text.data : "",
			  text.length, &root, err) &&
	       json_array_or_null(root, "history", &history, err) && add_rows(maker, history, err);
}

static bool show(const struct cli *cli, const struct values *values, const char *name,
		 struct error *err)
{
	const struct listing listing = { .fields = fields,
					 .table = values->is_raw ? COLUMNS("CreatedAt")
								 : COLUMNS("CreatedSince"),
					 .quiet = "{{.ID}}",
					 .type = "*image.historyContext" };
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct store_image image;

	if (!engine_open(cli->root, cli->run, &engine, err) ||
	    !store_find(&engine.store, &arena, name, &image, err) ||
	    !store_check_platform(&image, name, values->platform, err))
		return error_in(err, "Error response from daemon");

	struct maker maker = { .values = values,
			       .store = &engine.store,
			       .image = &image,
			       .arena = &arena,
			       .rows = json_new(&arena, NULL, NULL, JSON_ARRAY, NULL),
			       .now = time(NULL) };

	return read_history(&maker, err) &&
	       listing_print(&listing, values->format, values->is_quiet, maker.rows, err);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct error err;

	return show(cli, values, arguments->items[0], &err) ? 0 : command_failed_plainly(&err);
}

const struct command cmd_history = {
	.name = "docker history",
	.usage = "[OPTIONS] IMAGE",
	.summary = "Show the history of an image",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run,
};
