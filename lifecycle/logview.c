/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/logview.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "lifecycle/nucleus.h"

#define LINES_MAX    (1024 * 1024)
#define LOOK_EACH_US 250000
#define TIME_LENGTH  24 /* 2020-12-08T01:11:17.615Z */

static const char *const levels[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };

/* -- one line -----------------------------------------------------------------------------------
 */

static int level_of(const char *name, size_t length)
{
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		if (strlen(levels[i]) == length && strncasecmp(levels[i], name, length) == 0)
			return (int)i;
	return -1;
}

/* "… [INFO] (…" */
static int level_of_line(const char *line)
{
	const char *open = strchr(line, '[');
	const char *close = open ? strchr(open, ']') : NULL;

	return close ? level_of(open + 1, (size_t)(close - open - 1)) : -1;
}

/* level=WARN (and above), key=value, or a word anywhere in the line. */
static bool holds(const char *line, const char *term, size_t length)
{
	autofree char *text = mem_printf("%.*s", (int)length, term);

	if (strncasecmp(text, "level=", 6) == 0)
		return level_of_line(line) >= level_of(text + 6, strlen(text + 6));
	return strcasestr(line, text) != NULL;
}

static bool is_wanted(const struct logview_options *options, const char *line)
{
	if ((options->begin && strncmp(line, options->begin, strlen(options->begin)) < 0) ||
	    (options->end && strncmp(line, options->end, strlen(options->end)) > 0))
		return false;
	for (size_t i = 0; i < options->filters.count; i++) {
		bool is_any = false;

		for (const char *term = options->filters.items[i]; term;) {
			size_t length = strcspn(term, ",");

			is_any = is_any || holds(line, term, length);
			term = term[length] ? term + length + 1 : NULL;
		}
		if (!is_any)
			return false;
	}
	return true;
}

/* -- all files ----------------------------------------------------------------------------------
 */

struct line {
	char *text;
	size_t number; /* as it was read: lines of one moment keep their order */
};

struct view {
	const struct logview_options *options;
	struct arena arena;
	struct texts files;
	struct line *lines;
	size_t count, capacity;
};

static bool find_files(struct view *view, struct error *err)
{
	const struct logview_options *options = view->options;
	const char *directory = options->directory
					? options->directory
					: arena_printf(&view->arena, "%s/logs",
						       nucleus_root(&view->arena, options->root));
	autodir DIR *dir = NULL;

	if (options->files.count > 0) {
		texts_add_all(&view->files, options->files.items, options->files.count);
		return true;
	}
	dir = opendir(directory);
	if (!dir)
		return error_sys(err, "log directory %s", directory);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		size_t length = strlen(entry->d_name);

		if (length > 4 && strcmp(entry->d_name + length - 4, ".log") == 0)
			texts_add(&view->files,
				  arena_printf(&view->arena, "%s/%s", directory, entry->d_name));
	}
	return true;
}

static void add_line(struct view *view, char *text)
{
	if (view->count == view->capacity) {
		view->capacity = view->capacity ? 2 * view->capacity : 1024;
		view->lines = mem_resize(view->lines, view->capacity, sizeof(*view->lines));
	}
	view->lines[view->count] = (struct line){ text, view->count };
	view->count++;
}

/* From `offset` on; *offset is where the file ended. */
static bool read_file(struct view *view, const char *name, long *offset, struct error *err)
{
	autofile FILE *file = fopen(name, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file || fseek(file, *offset, SEEK_SET) < 0)
		return error_sys(err, "%s", name);
	for (ssize_t length; (length = getline(&line, &size, file)) > 0;) {
		line[strcspn(line, "\n")] = '\0';
		if (view->count < LINES_MAX)
			add_line(view, mem_strdup(line));
	}
	*offset = ftell(file);
	free(line);
	return true;
}

static int compare_lines(const void *a, const void *b)
{
	const struct line *left = a, *right = b;
	int order = strncmp(left->text, right->text, TIME_LENGTH);

	return order ? order : (left->number > right->number) - (left->number < right->number);
}

/* What is wanted, and the lines around it. */
static void print_lines(const struct view *view)
{
	const struct logview_options *options = view->options;
	size_t shown = 0, wanted_until = 0;

	for (size_t i = 0; i < view->count; i++) {
		size_t before = options->before > 0 ? (size_t)options->before : 0;

		if (!is_wanted(options, view->lines[i].text)) {
			if (i < wanted_until) {
				puts(view->lines[i].text);
				shown = i + 1;
			}
			continue;
		}
		for (size_t k = i > shown + before ? i - before : shown; k <= i; k++)
			puts(view->lines[k].text);
		shown = i + 1;
		wanted_until = i + 1 + (options->after > 0 ? (size_t)options->after : 0);
	}
	fflush(stdout);
}

static void forget_lines(struct view *view)
{
	for (size_t i = 0; i < view->count; i++)
		free(view->lines[i].text);
	view->count = 0;
}

static bool show(struct view *view, struct error *err)
{
	long *offsets = arena_array(&view->arena, view->files.count, sizeof(*offsets));

	do {
		forget_lines(view);
		for (size_t i = 0; i < view->files.count; i++)
			if (!read_file(view, view->files.items[i], &offsets[i], err))
				return false;
		if (view->count > 0)
			qsort(view->lines, view->count, sizeof(*view->lines), compare_lines);
		print_lines(view);
		if (view->options->follows)
			usleep(LOOK_EACH_US);
	} while (view->options->follows && !ferror(stdout));
	return true;
}

static void close_view(struct view *view)
{
	forget_lines(view);
	free(view->lines);
	texts_done(&view->files);
	arena_done(&view->arena);
}

bool logview_get(const struct logview_options *options, struct error *err)
{
	struct view view = { .options = options };
	bool is_good = find_files(&view, err) && show(&view, err);

	close_view(&view);
	return is_good;
}

bool logview_list_files(const struct logview_options *options, struct error *err)
{
	struct view view = { .options = options };
	bool is_good = find_files(&view, err);

	for (size_t i = 0; is_good && i < view.files.count; i++)
		puts(view.files.items[i]);
	close_view(&view);
	return is_good;
}

void logview_list_keywords(void)
{
	puts("Here is a list of suggested keywords for Greengrass log:\n"
	     "level=$str\n"
	     "serviceName=$str\n"
	     "scriptName=$str\n"
	     "currentState=$str\n"
	     "newState=$str\n"
	     "exitCode=$int");
}
