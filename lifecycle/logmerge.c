/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/logmerge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "lifecycle/logline.h"

struct source {
	char *name;
	FILE *file;
	char *line; /* the next one, if has_line */
	size_t size;
	bool has_line;
	bool goes_on; /* it belongs to the line before it */
	bool is_over; /* until somebody looks again */
	int64_t time;
};

struct logmerge {
	struct source *sources;
	size_t count;
	bool is_growing;
	struct source *last; /* whose line was taken last */
};

/* -- one file -----------------------------------------------------------------------------------
 */

/* A file that was renamed and begun anew goes on as the new one. False: it is the same. */
static bool reopen(struct source *source)
{
	struct stat opened, named;
	FILE *other;

	if (fstat(fileno(source->file), &opened) < 0 || stat(source->name, &named) < 0 ||
	    (opened.st_ino == named.st_ino && opened.st_dev == named.st_dev))
		return false;
	other = fopen(source->name, "re");
	if (!other)
		return false;
	fclose(source->file);
	source->file = other;
	return true;
}

/* Takes the newline off; half a line is put back. */
static void take(struct source *source, ssize_t length, bool is_growing)
{
	int64_t time;

	if (source->line[length - 1] == '\n')
		source->line[length - 1] = '\0';
	else if (is_growing && fseek(source->file, -length, SEEK_CUR) == 0)
		source->is_over = true;
	if (source->is_over)
		return;
	source->has_line = true;
	source->goes_on = !logline_time(source->line, &time);
	if (!source->goes_on)
		source->time = time;
}

static bool fill(struct source *source, bool is_growing, struct error *err)
{
	ssize_t length;

	if (source->has_line || source->is_over)
		return true;
	clearerr(source->file);
	length = getline(&source->line, &source->size, source->file);
	if (length < 0 && is_growing && reopen(source))
		length = getline(&source->line, &source->size, source->file);
	if (length < 0 && ferror(source->file))
		return error_sys(err, "%s", source->name);
	if (length > 0)
		take(source, length, is_growing);
	else
		source->is_over = true;
	return true;
}

/* -- all ----------------------------------------------------------------------------------------
 */

/* A hundred components have a thousand files: the limit is soft for programs that use select. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

bool logmerge_open(struct logmerge **result, const struct texts *names, bool is_growing,
		   struct error *err)
{
	struct logmerge *merge = mem_alloc(sizeof(*merge));

	*merge = (struct logmerge){ .sources =
					    mem_alloc((names->count + 1) * sizeof(*merge->sources)),
				    .is_growing = is_growing };
	raise_limit();
	for (size_t i = 0; i < names->count; i++) {
		struct source source = { .name = mem_strdup(names->items[i]),
					 .file = fopen(names->items[i], "re") };

		merge->sources[merge->count++] = source;
		if (source.file)
			continue;
		error_sys(err, "%s", names->items[i]);
		logmerge_free(merge);
		return false;
	}
	*result = merge;
	return true;
}

bool logmerge_next(struct logmerge *merge, const char **line, int64_t *time, struct error *err)
{
	struct source *first = NULL;

	*line = NULL;
	for (size_t i = 0; i < merge->count; i++) {
		struct source *source = &merge->sources[i];

		if (!fill(source, merge->is_growing, err))
			return false;
		if (!source->has_line)
			continue;
		if (!first || source->time < first->time)
			first = source;
	}
	if (merge->last && merge->last->has_line && merge->last->goes_on)
		first = merge->last;
	if (!first)
		return true;
	first->has_line = false;
	merge->last = first;
	*line = first->line;
	*time = first->time;
	return true;
}

void logmerge_look_again(struct logmerge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		merge->sources[i].is_over = false;
}

void logmerge_free(struct logmerge *merge)
{
	for (size_t i = 0; i < merge->count; i++) {
		if (merge->sources[i].file)
			fclose(merge->sources[i].file);
		free(merge->sources[i].line);
		free(merge->sources[i].name);
	}
	free(merge->sources);
	free(merge);
}
