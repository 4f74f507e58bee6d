/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as CBOR, and as a stream's definition; what is taken is written and read again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lifecycle/stream/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_tree(const struct cbor *value, const uint8_t *bytes, size_t size, int depth)
{
	assert(depth <= CBOR_DEPTH_MAX + 1);
	if (value->type == CBOR_TEXT || value->type == CBOR_BYTES)
		assert(value->length <= size && (value->length == 0 || value->bytes));
	for (const struct cbor *child = value->child; child; child = child->next) {
		assert(child->parent == value && (child->key != NULL) == (value->type == CBOR_MAP));
		check_tree(child, bytes, size, depth + 1);
	}
}

/* Equal but for what is allowed to change: nothing. */
static void check_again(const struct definition *definition)
{
	autoarena struct arena arena = { 0 };
	struct definition again;
	const struct cbor *map;
	struct buf first, second;
	struct error err;

	buf_init(&first, DEFINITION_SIZE_MAX);
	buf_init(&second, DEFINITION_SIZE_MAX);
	definition_put(definition, &first);
	assert(!first.is_cut);
	assert(cbor_parse(&arena, first.data, first.length, &map, &err));
	assert(definition_parse(&again, &arena, map, &err));
	definition_put(&again, &second);
	assert(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
	buf_done(&first);
	buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	autoarena struct arena arena = { 0 };
	struct definition definition;
	const struct cbor *root;
	struct error err = { 0 };

	if (!cbor_parse(&arena, bytes, size, &root, &err)) {
		assert(err.kind == ERROR_INPUT && err.text[0]);
		return 0;
	}
	check_tree(root, bytes, size, 1);
	if (definition_parse(&definition, &arena, root, &err))
		check_again(&definition);
	else
		assert(err.kind == ERROR_INPUT && err.text[0]);
	return 0;
}
