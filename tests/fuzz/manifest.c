/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a manifest, an index, docker save's manifest.json and an image's configuration:
 * refused in one line, or a struct that keeps its promises.
 */
#include "image/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/config.h"
#include "image/limits.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_refusal(const struct error *err)
{
	assert(err->text[0] != '\0' && !strchr(err->text, '\n'));
}

static void check_manifest(struct arena *arena, const unsigned char *data, size_t size)
{
	struct error err = { .text = "" };
	struct manifest manifest;

	if (!manifest_parse(arena, data, size, NULL, &manifest, &err)) {
		check_refusal(&err);
		return;
	}
	assert(manifest.layer_count <= LIMIT_LAYERS);
	assert(manifest.entry_count <= LIMIT_INDEX_ENTRIES);
	for (size_t i = 0; i < manifest.layer_count; i++)
		assert(strlen(digest_hex(&manifest.layers[i].digest)) == DIGEST_HEX_LENGTH &&
		       manifest.layers[i].size >= 0);
	if (manifest.kind == MANIFEST_INDEX) {
		const struct descriptor *chosen;
		struct platform host;

		platform_host(&host);
		if (!manifest_choose(&manifest, &host, &chosen, &err))
			check_refusal(&err);
	}
}

static void check_saved(struct arena *arena, const unsigned char *data, size_t size)
{
	struct error err = { .text = "" };
	struct saved_image *images;
	size_t count;

	if (!manifest_parse_saved(arena, data, size, &images, &count, &err)) {
		check_refusal(&err);
		return;
	}
	for (size_t i = 0; i < count; i++)
		assert(images[i].config && !images[i].layers[images[i].layer_count]);
}

static void check_config(struct arena *arena, const unsigned char *data, size_t size)
{
	struct error err = { .text = "" };
	struct image_config config;
	const struct json *root;
	struct digest *diff_ids;
	int64_t seconds;
	long nanoseconds;
	size_t count;

	if (!json_parse(arena, "fuzz", (const char *)data, size, &root, &err))
		return;
	if (image_config_parse(arena, root, &config, &err))
		image_time_parse(config.created, &seconds, &nanoseconds);
	else
		check_refusal(&err);
	if (image_config_diff_ids(arena, root, &diff_ids, &count, &err))
		assert(count <= LIMIT_LAYERS);
	else
		check_refusal(&err);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct arena arena = { 0 };

	check_manifest(&arena, data, size);
	check_saved(&arena, data, size);
	check_config(&arena, data, size);
	arena_done(&arena);
	return 0;
}
