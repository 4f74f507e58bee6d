/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a deployment brings, as one JSON document: the request, and in its "file" a configuration
 * file. What was read can be written and read again, and a tree that was merged is what is read of
 * it.
 */
#include <assert.h>
#include <string.h>

#include "base/jsonout.h"
#include "lifecycle/configtree.h"
#include "lifecycle/document.h"
#include "lifecycle/reconfigure.h"
#include "lifecycle/settings.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_again(const struct document *document, struct arena *arena)
{
	struct document again;
	struct error err;
	autobuf struct buf text = { 0 };

	buf_init(&text, DOCUMENT_SIZE_MAX);
	document_write(document, &text);
	if (text.is_cut)
		return;
	assert(document_read(&again, arena, text.data, &err));
	assert(again.change_count == document->change_count);
	assert(again.does_rollback == document->does_rollback);
}

static void merge_all(const struct document *document, struct arena *arena)
{
	struct configtree tree;
	struct error err;

	configtree_init(&tree);
	for (size_t i = 0; i < document->change_count; i++) {
		const struct document_change *change = &document->changes[i];
		const struct json *read;

		if (reconfigure(&tree, &tree.root, change->merge, change, document->created, &err))
			assert(configtree_read(arena, &tree.root, "tree", &read, &err));
	}
	configtree_done(&tree);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	autoarena struct arena arena = { 0 };
	char *text = arena_strndup(&arena, (const char *)data, size);
	const struct json *tree;
	struct settings settings;
	struct document document;
	struct error err;

	if (document_read(&document, &arena, text, &err)) {
		check_again(&document, &arena);
		merge_all(&document, &arena);
	}
	if (json_parse(&arena, "config", text, strlen(text), &tree, &err) &&
	    settings_parse(&settings, &arena, json_get(tree, "file"), &err))
		assert(settings.logging.file_size > 0 && settings.shell);
	return 0;
}
