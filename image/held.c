/* SPDX-License-Identifier: Apache-2.0 */
#include "image/held.h"

#include <fcntl.h>
#include <sys/file.h>

#include "image/limits.h"
#include "image/record.h"

static bool hold_layer(const struct store *store, const struct digest *chain, int *dir,
		       struct layer_info *info, struct error *err)
{
	struct layout_path path = layout_layer(chain);

	*dir = openat(store->root, path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0 || flock(*dir, LOCK_SH) < 0)
		return error_sys(err, "open layer %.12s", digest_hex(chain));
	return layer_info_read(*dir, info, err) || error_in(err, "layer %.12s", digest_hex(chain));
}

bool held_open(const struct store *store, struct arena *arena, const struct digest *id,
	       const struct names *names, struct held *held, struct error *err)
{
	*held = (struct held){ 0 };
	buf_init(&held->config, LIMIT_IMAGE_JSON);
	if (!record_read(store, arena, id, names, &held->image, err))
		return false;
	size_t count = held->image.layer_count;

	held->layers = arena_array(arena, count + 1, sizeof(*held->layers));
	held->infos = arena_array(arena, count + 1, sizeof(*held->infos));
	for (size_t i = 0; i < count; i++)
		held->layers[i] = -1;
	for (size_t i = 0; i < count; i++)
		if (!hold_layer(store, &held->image.chains[i], &held->layers[i], &held->infos[i],
				err))
			return false;
	return store_read_blob(store, id, &held->config, err);
}

void held_close(struct held *held)
{
	for (size_t i = 0; held->layers && i < held->image.layer_count; i++)
		mem_cleanup_close(&held->layers[i]);
	held->layers = NULL;
	buf_done(&held->config);
}
