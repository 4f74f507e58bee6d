/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonout.h"
#include "base/log.h"
#include "runtime/container.h"
#include "runtime/found.h"
#include "runtime/verb.h"

/*
 * list: the containers below the state directory, by name.
 */

#define COLUMNS   6
#define WIDTH_MIN 12 /* of a column, with the gap behind it: runc's callers count on both */
#define GAP       3

struct row {
	const char *cells[COLUMNS];
};

struct listing {
	struct arena arena;
	struct row *rows;
	size_t count;
	struct buf json; /* the elements */
	struct jsonout out;
};

/* The C library's own lookup would load shared libraries into this static program. */
static const char *owner_name(struct arena *arena, uid_t uid)
{
	autofile FILE *file = fopen("/etc/passwd", "re");
	autofree char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *rest = line;
		const char *name = strsep(&rest, ":");
		const char *number = strsep(&rest, ":") ? strsep(&rest, ":") : NULL;

		if (number && number[0] && strtoul(number, NULL, 10) == uid)
			return arena_strdup(arena, name);
	}
	return arena_printf(arena, "#%u", uid);
}

static void add_row(struct listing *list, const struct state *state, enum container_status status)
{
	struct arena *arena = &list->arena;
	const char *owner = owner_name(arena, state->owner);

	list->rows = mem_resize(list->rows, list->count + 1, sizeof(*list->rows));
	list->rows[list->count++] = (struct row){
		{ arena_strdup(arena, state->id),
		  arena_printf(arena, "%d", status == CONTAINER_STOPPED ? 0 : state->pid),
		  container_status_name(status), arena_strdup(arena, state->bundle),
		  arena_strdup(arena, state->created), owner }
	};
	jsonout_object(&list->out, NULL);
	state_write(&list->out, state, status, state->pid);
	jsonout_text(&list->out, "owner", owner);
	jsonout_object_end(&list->out);
}

static void add_container(const struct globals *globals, const char *id, struct listing *list)
{
	autofound struct found found;
	struct error err;

	found_init(&found);
	if (found_load(&found, globals->root, id, &err))
		add_row(list, &found.state, found_status(&found));
	else if (err.kind != ERROR_NOT_FOUND) /* one that is being made or removed just now */
		log_error("load container %s: %s", id, err.text);
}

static int is_container(const struct dirent *entry)
{
	return (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
	       strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
	return strcmp((*one)->d_name, (*other)->d_name);
}

static bool add_all(const struct globals *globals, struct listing *list, struct error *err)
{
	struct dirent **entries;
	int count = scandir(globals->root, &entries, is_container, by_name);

	if (count < 0) /* the standard place is made with the first container */
		return (errno == ENOENT && !globals->is_root_chosen) ||
		       error_sys(err, "read %s", globals->root);
	for (int i = 0; i < count; i++) {
		add_container(globals, entries[i]->d_name, list);
		free(entries[i]);
	}
	free(entries);
	return true;
}

/* In characters, since names of directories may be in any language. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void add_line(struct buf *text, const struct row *row, const size_t widths[COLUMNS])
{
	for (size_t i = 0; i < COLUMNS; i++) {
		buf_add_text(text, row->cells[i]);
		for (size_t width = width_of(row->cells[i]); width < widths[i]; width++)
			buf_add_char(text, ' ');
	}
	buf_add_char(text, '\n');
}

static void add_table(struct buf *text, const struct listing *list)
{
	static const struct row head = { { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" } };
	size_t widths[COLUMNS] = { 0 }; /* the last column is not padded */

	for (size_t i = 0; i < COLUMNS - 1; i++) {
		widths[i] = WIDTH_MIN;
		for (size_t j = 0; j < list->count; j++)
			if (width_of(list->rows[j].cells[i]) + GAP > widths[i])
				widths[i] = width_of(list->rows[j].cells[i]) + GAP;
	}
	add_line(text, &head, widths);
	for (size_t i = 0; i < list->count; i++)
		add_line(text, &list->rows[i], widths);
}

static void add_ids(struct buf *text, const struct listing *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_printf(text, "%s\n", list->rows[i].cells[0]);
}

static bool print(const struct listing *list, const char *format, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, VERB_OUTPUT_MAX);
	if (!format)
		add_ids(&text, list);
	else if (strcmp(format, "table") == 0)
		add_table(&text, list);
	else if (strcmp(format, "json") == 0)
		buf_printf(&text, "%s\n", list->count > 0 ? list->json.data : "null");
	else
		return error_set(err, ERROR_INPUT, "invalid format option: %s", format);
	return buf_check(&list->json, "output", err) && verb_print(&text, err);
}

int verb_list(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *format = "table", *quiet = NULL;
	const struct flag flags[] = {
		{ "format", 'f', "table|json", "form of the output (default: table)", &format },
		{ "quiet", 'q', NULL, "ids only", &quiet },
		{ 0 },
	};
	struct listing list = { 0 };
	int next;
	bool is_good;

	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;
	buf_init(&list.json, VERB_OUTPUT_MAX);
	jsonout_init(&list.out, &list.json, false);
	jsonout_array(&list.out, NULL);
	is_good = add_all(globals, &list, err);
	jsonout_array_end(&list.out);
	jsonout_done(&list.out);
	is_good = is_good && print(&list, flag_is_set(quiet) ? NULL : format, err);
	buf_done(&list.json);
	free(list.rows);
	arena_done(&list.arena);
	return is_good ? 0 : -1;
}
