/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tarimage.h"

#include <fcntl.h>
#include <unistd.h>

#include "image/build.h"

static bool open_files(const struct engine *engine, struct arena *arena, struct tarimage *image,
		       struct error *err)
{
	struct store_image found;

	if (!store_get(&engine->store, arena, &image->id, &found, err))
		return false;
	if (found.layer_count != 1)
		return error_set(err, ERROR_INPUT, "the archive is empty");
	const char *path = arena_printf(arena, "%s/layers/%s/diff", engine->root,
					digest_hex(&found.chains[0]));
	image->files = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return image->files >= 0 || error_sys(err, "open %s", path);
}

bool tarimage_open(struct engine *engine, int archive, struct tarimage *image, struct error *err)
{
	const struct image_config config = { .os = "linux",
					     .architecture = "",
					     .variant = "",
					     .created = "1970-01-01T00:00:00Z",
					     .user = "",
					     .working_dir = "",
					     .stop_timeout = -1 };
	const struct image_build build = { .layer = archive, .config = &config };
	autoarena struct arena arena = { 0 };

	*image = (struct tarimage){ .files = -1 };
	if (!image_build(&engine->store, &build, &image->id, err))
		return false;
	if (open_files(engine, &arena, image, err))
		return true;
	tarimage_close(engine, image);
	return false;
}

/* What cannot be removed is an image without a name: prune finds it. */
void tarimage_close(struct engine *engine, struct tarimage *image)
{
	const struct store_usage usage = engine_usage(engine);
	autoarena struct arena arena = { 0 };
	struct store_removal removal = { 0 };
	struct error ignored;

	mem_cleanup_close(&image->files);
	image->files = -1;
	if (store_remove(&engine->store, &arena, image->id.text, true, &usage, &removal, &ignored))
		image->id = (struct digest){ 0 };
	store_removal_done(&removal);
}
