/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/logview.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/visible.h"
#include "lifecycle/inquiry.h"
#include "lifecycle/logline.h"
#include "lifecycle/logmerge.h"

#define LOOK_EACH_US 250000

struct view {
	const struct logview_options *options;
	struct arena arena;
	struct texts files;
	char **before;      /* a ring of the last lines that were not shown */
	size_t first, held; /* in it */
	size_t after;       /* so many more are shown */
};

/* -- choosing -----------------------------------------------------------------------------------
 */

/* One of a list with commas. */
static bool holds_any(const char *line, const char *filter)
{
	for (const char *term = filter; term;) {
		size_t length = strcspn(term, ",");
		autofree char *one = mem_printf("%.*s", (int)length, term);

		if (logline_holds(line, one))
			return true;
		term = term[length] ? term + length + 1 : NULL;
	}
	return false;
}

static bool is_wanted(const struct logview_options *options, const char *line, int64_t time)
{
	if (time < options->begin || (options->end > 0 && time >= options->end))
		return false;
	for (size_t i = 0; i < options->filters.count; i++)
		if (!holds_any(line, options->filters.items[i]))
			return false;
	return true;
}

/* -- showing ------------------------------------------------------------------------------------
 */

static void hold(struct view *view, const char *line)
{
	size_t room = view->options->before;

	if (room == 0)
		return;
	if (view->held == room) {
		free(view->before[view->first]);
		view->first = (view->first + 1) % room;
		view->held--;
	}
	view->before[(view->first + view->held++) % room] = mem_strdup(line);
}

static void let_go(struct view *view, bool is_shown)
{
	for (; view->held > 0; view->held--) {
		if (is_shown)
			visible_put(stdout, view->before[view->first]);
		free(view->before[view->first]);
		view->first = (view->first + 1) % view->options->before;
	}
}

static void look_at(struct view *view, const char *line, int64_t time)
{
	if (is_wanted(view->options, line, time)) {
		let_go(view, true);
		view->after = view->options->after;
	} else if (view->after > 0) {
		view->after--;
	} else {
		hold(view, line);
		return;
	}
	visible_put(stdout, line);
}

static bool show(struct view *view, struct logmerge *merge, struct error *err)
{
	for (;;) {
		const char *line;
		int64_t time;

		if (!logmerge_next(merge, &line, &time, err))
			return false;
		if (line) {
			look_at(view, line, time);
			continue;
		}
		if (fflush(stdout) != 0 || !view->options->follows)
			return true;
		usleep(LOOK_EACH_US);
		logmerge_look_again(merge);
	}
}

/* -- all files ----------------------------------------------------------------------------------
 */

static bool find_files(struct view *view, struct error *err)
{
	const struct logview_options *options = view->options;
	const char *directory = options->directory
					? options->directory
					: inquiry_log_directory(&view->arena, options->root);
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

static void close_view(struct view *view)
{
	let_go(view, false);
	free(view->before);
	texts_done(&view->files);
	arena_done(&view->arena);
}

bool logview_get(const struct logview_options *options, struct error *err)
{
	struct view view = { .options = options,
			     .before = mem_alloc((options->before + 1) * sizeof(char *)) };
	struct logmerge *merge;
	bool is_good =
		find_files(&view, err) && logmerge_open(&merge, &view.files, options->follows, err);

	if (is_good) {
		is_good = show(&view, merge, err);
		logmerge_free(merge);
	}
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
