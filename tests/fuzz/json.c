/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes: either refused in one line, or a tree that can be written and read back to the same
 * text. What the scanner takes, the parser takes too.
 */
#include "base/json.h"

#include <assert.h>
#include <string.h>

#include "base/jsonout.h"
#include "base/jsonscan.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void write_tree(const struct json *root, struct buf *text)
{
	struct jsonout out;

	buf_init(text, 64 << 20);
	jsonout_init(&out, text, false);
	jsonout_json(&out, NULL, root);
	jsonout_done(&out);
	assert(!text->is_cut);
}

static bool is_scanned(const char *text, size_t length)
{
	struct jsonscan scan;
	struct jsonspan value;

	jsonscan_init(&scan, text, length, JSON_VALUES_MAX);
	jsonscan_value(&scan, &value);
	return jsonscan_is_whole(&scan);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf once, twice;
	const struct json *root = NULL;
	struct error err = { .text = "" };

	buf_init(&once, 0);
	buf_init(&twice, 0);
	if (!json_parse(&arena, "fuzz", (const char *)data, size, &root, &err)) {
		assert(err.text[0] != '\0' && !strchr(err.text, '\n'));
		assert(!is_scanned((const char *)data, size));
		return 0;
	}
	write_tree(root, &once);

	bool is_parsed = json_parse(&arena, "again", once.data, once.length, &root, &err);

	assert(is_parsed);
	write_tree(root, &twice);
	assert(strcmp(once.data, twice.data) == 0);
	return 0;
}
