/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring image verify: what a power cut or worn flash did to the files of committed layers.
 */
#include "image/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/report.h"
#include "image/split.h"

static bool on_bytes(void *context, const void *bytes, size_t count, struct error *err)
{
	struct hash *hash = context;

	(void)err;
	hash_add(hash, bytes, count);
	return true;
}

/* Fails with what is wrong with it. */
static bool check_layer(const struct store *store, const struct digest *chain,
			const struct digest *diff_id, struct error *err)
{
	struct layout_path path = layout_layer(chain);
	autoclose int dir = openat(store->root, path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int diff = openat(dir, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int split = openat(dir, LAYOUT_SPLIT, O_RDONLY | O_CLOEXEC);
	struct hash hash;
	const struct split_sink sink = { on_bytes, &hash };
	struct digest digest;

	if (dir < 0 || diff < 0 || split < 0)
		return error_sys(err, "open its files");
	hash_init(&hash);

	bool is_good = split_join(split, diff, &sink, err);

	hash_finish(&hash, &digest);
	hash_done(&hash);
	return is_good && (digest_is_equal(&digest, diff_id) ||
			   error_set(err, ERROR_CORRUPT, "its files are not what they were"));
}

static bool check_config(const struct store *store, const struct digest *id, struct error *err)
{
	autobuf struct buf text;
	struct digest digest;

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (!store_read_blob(store, id, &text, err))
		return false;
	hash_digest(text.data ? text.data : "", text.length, &digest);
	return digest_is_equal(&digest, id) ||
	       error_set(err, ERROR_CORRUPT, "it is not what it was");
}

static void check_image(const struct store *store, const struct store_image *image)
{
	struct error err;

	report_checked(&image->id, NULL, check_config(store, &image->id, &err) ? NULL : &err);
	for (size_t i = 0; i < image->layer_count; i++)
		report_checked(&image->id, &image->chains[i],
			       check_layer(store, &image->chains[i], &image->diff_ids[i], &err)
				       ? NULL
				       : &err);
}

bool unpack_verify(const struct store *store, const struct texts *names, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct store_image *images;
	size_t count;

	if (names->count == 0) {
		if (!store_list(store, &arena, &images, &count, err))
			return false;
	} else {
		count = names->count;
		images = arena_array(&arena, count, sizeof(*images));
		for (size_t i = 0; i < count; i++)
			if (!store_find(store, &arena, names->items[i], &images[i], err))
				return false;
	}
	for (size_t i = 0; i < count; i++)
		check_image(store, &images[i]);
	return true;
}
