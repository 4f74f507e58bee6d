/* SPDX-License-Identifier: Apache-2.0 */
#include "image/prune.h"

#include "base/file.h"
#include "image/layout.h"
#include "image/sweep.h"

static bool is_candidate(const struct prune *prune, const struct store_image *image)
{
	if (!prune->is_all && image->name_count > 0)
		return false;
	if (prune->until && image->created >= prune->until)
		return false;
	return !prune->is_wanted || prune->is_wanted(prune->context, image);
}

/* A container that uses the image is no failure: the image stays. */
static bool remove_if_unused(const struct store *store, struct arena *arena,
			     const struct store_image *image, const struct store_usage *usage,
			     struct store_removal *removal, struct error *err)
{
	struct store_user user = { 0 };

	if (usage && !usage->find(usage->context, &image->id, &user, err))
		return false;
	if (user.container[0])
		return true;
	return store_remove(store, arena, image->id.text, true, usage, removal, err) ||
	       err->kind == ERROR_EXISTS || err->kind == ERROR_NOT_FOUND;
}

bool prune_images(const struct store *store, struct arena *arena, const struct prune *prune,
		  const struct store_usage *usage, struct store_removal *removal, struct error *err)
{
	struct store_image *images;
	size_t count;

	if (!store_list(store, arena, &images, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (is_candidate(prune, &images[i]) &&
		    !remove_if_unused(store, arena, &images[i], usage, removal, err))
			return false;
	return prune_rubbish(store, true, &removal->bytes, err);
}

bool prune_rubbish(const struct store *store, bool is_thorough, int64_t *bytes, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int lock = -1;
	struct reach reach;
	int64_t ignored = 0;

	if (!file_lock(store->root, LAYOUT_LOCK, FILE_LOCK_TRY, &lock, err))
		return err->kind == ERROR_EXISTS; /* someone is busy: another time */
	if (!reach_read(store, &arena, &reach, err) ||
	    !sweep_all(store, &reach, is_thorough, bytes ? bytes : &ignored, err))
		return false;
	mem_cleanup_close(&lock);
	lock = -1;
	return sweep_staging(store, is_thorough, bytes, err);
}
