/* SPDX-License-Identifier: Apache-2.0 */
#include "image/documents.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* A name may be taken: by one who has our process number in another container, or for a moment by
 * one who looks for rubbish. */
#define STAGES_MAX 100

/* In the stage. */
struct file_name {
	char text[16];
};

static struct file_name file_of(size_t index)
{
	struct file_name name;

	snprintf(name.text, sizeof(name.text), "%zu", index);
	return name;
}

void documents_reset(struct documents *documents)
{
	for (size_t i = 0; i < documents->count; i++)
		documents->items[i].is_wanted = false;
}

/* Impatiently: with the store's lock nobody may be waited for. */
static bool make_stage(struct documents *documents, struct error *err)
{
	struct layout_path name;

	for (unsigned number = 0; !documents->stage && number < STAGES_MAX; number++) {
		snprintf(name.text, sizeof(name.text), LAYOUT_STAGING "/image-%d-%u", (int)getpid(),
			 number);
		if (!stage_new(documents->store, &name, false, &documents->stage, err) &&
		    err->kind != ERROR_EXISTS)
			return false;
	}
	return documents->stage != NULL;
}

bool documents_want(struct documents *documents, const struct layout_path *to, const void *bytes,
		    size_t length, struct error *err)
{
	for (size_t i = 0; i < documents->count; i++)
		if (strcmp(documents->items[i].to.text, to->text) == 0) {
			documents->items[i].is_wanted = true;
			return true;
		}
	if (documents->count == DOCUMENTS_MAX)
		return error_set(err, ERROR_SYSTEM, "no room for %s", to->text);
	if (!make_stage(documents, err) ||
	    !file_replace(documents->stage->dir, file_of(documents->count).text, bytes, length,
			  0600, FILE_VOLATILE, err))
		return false;
	documents->items[documents->count++] = (struct document){ .to = *to, .is_wanted = true };
	documents->is_unsynced = true;
	return true;
}

static bool is_in(const struct document *document, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(document->to.text, directory, length) == 0 &&
	       document->to.text[length] == '/';
}

bool documents_name(const struct documents *documents, const char *directory, struct error *err)
{
	for (size_t i = 0; i < documents->count; i++) {
		const struct document *document = &documents->items[i];

		if (document->is_wanted && is_in(document, directory) &&
		    renameat(documents->stage->dir, file_of(i).text, documents->store->root,
			     document->to.text) < 0)
			return error_sys(err, "publish %s", document->to.text);
	}
	return true;
}

void documents_done(struct documents *documents)
{
	stage_free(documents->stage);
	documents->stage = NULL;
	documents->count = 0;
}
