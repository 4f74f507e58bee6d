/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/authors.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define FILE_NAME     "%authors"
#define FILE_SIZE_MAX (AUTHORS_MAX * 256)

bool authors_open(struct authors *authors, int dir, struct error *err)
{
	autobuf struct buf text;
	char *rest = NULL;

	*authors = (struct authors){ .dir = dir };
	buf_init(&text, FILE_SIZE_MAX);
	if (!file_read(dir, FILE_NAME, &text, err))
		return err->kind == ERROR_NOT_FOUND;
	for (char *line = strtok_r(text.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		texts_add(&authors->names, arena_strdup(&authors->arena, line));
	return true;
}

void authors_done(struct authors *authors)
{
	texts_done(&authors->names);
	arena_done(&authors->arena);
}

static bool save(const struct authors *authors, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, FILE_SIZE_MAX);
	for (size_t i = 0; i < authors->names.count; i++) {
		buf_add_text(&text, authors->names.items[i]);
		buf_add_char(&text, '\n');
	}
	return buf_check(&text, "the list of components", err) &&
	       file_replace(authors->dir, FILE_NAME, text.data, text.length, 0600, FILE_DURABLE,
			    err);
}

bool authors_number(struct authors *authors, const char *name, uint32_t *number, struct error *err)
{
	*number = 0;
	if (name[0] == '\0')
		return true;
	for (size_t i = 0; i < authors->names.count; i++) {
		if (strcmp(authors->names.items[i], name) == 0) {
			*number = (uint32_t)i + 1;
			return true;
		}
	}
	if (strchr(name, '\n'))
		return error_set(err, ERROR_INPUT, "a component's name has no line breaks");
	if (authors->names.count == AUTHORS_MAX)
		return error_set(err, ERROR_UNSUPPORTED,
				 "more than %d components have used streams", AUTHORS_MAX);
	texts_add(&authors->names, arena_strdup(&authors->arena, name));
	*number = (uint32_t)authors->names.count;
	if (save(authors, err))
		return true;
	authors->names.items[--authors->names.count] = NULL;
	return false;
}

const char *authors_name(const struct authors *authors, uint32_t number)
{
	return number >= 1 && number <= authors->names.count ? authors->names.items[number - 1]
							     : "";
}
