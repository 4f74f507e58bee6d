/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/names.h"
#include "image/record.h"

/* -- what is reached ----------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
	const struct digest *left = a, *right = b;

	return strcmp(left->text, right->text);
}

static bool has(const struct digest *list, size_t count, const struct digest *digest)
{
	return count > 0 && bsearch(digest, list, count, sizeof(*list), compare);
}

static void sort(struct digest *list, size_t count)
{
	if (count > 0)
		qsort(list, count, sizeof(*list), compare);
}

bool reach_read(const struct store *store, struct arena *arena, struct reach *reach,
		struct error *err)
{
	struct store_image *images;
	size_t count, chains = 0, blobs = 0;

	*reach = (struct reach){ 0 };
	if (!store_list(store, arena, &images, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		chains += images[i].layer_count;
		blobs += 2 + images[i].digest_count;
	}
	reach->chains = arena_array(arena, chains + 1, sizeof(*reach->chains));
	reach->blobs = arena_array(arena, blobs + 1, sizeof(*reach->blobs));
	for (size_t i = 0; i < count; i++) {
		reach->blobs[reach->blob_count++] = images[i].id;
		reach->blobs[reach->blob_count++] = images[i].manifest;
		for (size_t k = 0; k < images[i].digest_count; k++)
			if (name_digest(images[i].digests[k], &reach->blobs[reach->blob_count]))
				reach->blob_count++;
		for (size_t k = 0; k < images[i].layer_count; k++)
			reach->chains[reach->chain_count++] = images[i].chains[k];
	}
	sort(reach->chains, reach->chain_count);
	sort(reach->blobs, reach->blob_count);
	return true;
}

/* -- taking out ---------------------------------------------------------------------------------
 */

bool sweep_layer(const struct store *store, const struct reach *reach, const struct digest *chain,
		 bool *is_gone, int64_t *bytes, struct error *err)
{
	struct layout_path layer = layout_layer(chain), dead = layout_dead(chain);
	struct layer_info info;

	*is_gone = false;
	if (has(reach->chains, reach->chain_count, chain))
		return true;

	autoclose int dir = openat(store->root, layer.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? true : error_sys(err, "open %s", layer.text);
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? true : error_sys(err, "lock %s", layer.text);
	if (layer_info_read(dir, &info, err))
		*bytes += info.size + info.kept_size;
	if (!path_remove_tree(store->root, dead.text, err)) /* an earlier one, cut short */
		return false;
	if (renameat(store->root, layer.text, store->root, dead.text) < 0)
		return error_sys(err, "move %s", layer.text);
	*is_gone = true;
	return true;
}

bool sweep_blob(const struct store *store, const struct reach *reach, const struct digest *blob,
		struct error *err)
{
	struct layout_path path = layout_blob(blob);

	if (digest_is_empty(blob) || has(reach->blobs, reach->blob_count, blob))
		return true;
	if (unlinkat(store->root, path.text, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", path.text);
	return true;
}

/* -- walking ------------------------------------------------------------------------------------
 */

struct walk {
	const struct store *store;
	const struct reach *reach;
	int dir; /* the directory being walked */
	int64_t *bytes;
	bool is_thorough;
};

/* Calls `visit` for each entry of ROOT/`name`. */
static bool walk_dir(struct walk *walk, const char *name,
		     bool (*visit)(struct walk *walk, const char *entry, struct error *err),
		     struct error *err)
{
	autodir DIR *dir = file_list(walk->store->root, name);

	if (!dir)
		return errno == ENOENT ? true : error_sys(err, "open %s", name);
	walk->dir = dirfd(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.' && !visit(walk, entry->d_name, err))
			return false;
	return true;
}

/* Made, or last worked at, in the days in which a pull may go on. */
static bool is_recent(int dir, const char *name)
{
	struct stat info;

	return fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       time(NULL) - info.st_mtime < CHECKPOINT_DAYS * 24 * 3600;
}

static bool visit_layer(struct walk *walk, const char *entry, struct error *err)
{
	struct digest chain;
	struct error ignored;
	bool is_gone;

	return !digest_parse_hex(&chain, entry, &ignored) ||
	       (!walk->is_thorough && is_recent(walk->dir, entry)) ||
	       sweep_layer(walk->store, walk->reach, &chain, &is_gone, walk->bytes, err);
}

/* What file_replace left behind when it was killed; nobody else is writing now. */
static bool remove_unrenamed(struct walk *walk, const char *entry, struct error *err)
{
	if (!strstr(entry, ".tmp-"))
		return true;
	if (unlinkat(walk->dir, entry, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", entry);
	return true;
}

static bool visit_blob(struct walk *walk, const char *entry, struct error *err)
{
	struct digest blob;
	struct error ignored;

	if (!digest_parse_hex(&blob, entry, &ignored))
		return remove_unrenamed(walk, entry, err);
	return sweep_blob(walk->store, walk->reach, &blob, err);
}

bool sweep_all(const struct store *store, const struct reach *reach, bool is_thorough,
	       int64_t *bytes, struct error *err)
{
	struct walk walk = {
		.store = store, .reach = reach, .bytes = bytes, .is_thorough = is_thorough
	};

	return walk_dir(&walk, LAYOUT_LAYERS, visit_layer, err) &&
	       walk_dir(&walk, LAYOUT_BLOBS, visit_blob, err) &&
	       walk_dir(&walk, LAYOUT_IMAGES, remove_unrenamed, err);
}

/* Between the open and the lock it may have been published, and the name be someone else's. */
static bool is_still(int parent, const char *name, int dir)
{
	struct stat named, opened;

	return fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(dir, &opened) == 0 && named.st_ino == opened.st_ino &&
	       named.st_dev == opened.st_dev;
}

static bool visit_staged(struct walk *walk, const char *entry, struct error *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	autoclose int dir = openat(walk->dir, entry, flags);

	if (dir < 0)
		return errno == ENOENT ? true : error_sys(err, "open %s", entry);
	if (flock(dir, LOCK_EX | LOCK_NB) < 0 || !is_still(walk->dir, entry, dir))
		return true;
	if (!walk->is_thorough && !layout_is_dead(entry) && is_recent(dir, LAYOUT_RESUME))
		return true;
	if (layout_is_dead(entry)) /* counted when it became that */
		return path_remove_tree(walk->dir, entry, err);
	return path_remove_counted(walk->dir, entry, walk->bytes, err);
}

bool sweep_staging(const struct store *store, bool is_thorough, int64_t *bytes, struct error *err)
{
	struct walk walk = { .store = store, .bytes = bytes, .is_thorough = is_thorough };

	return walk_dir(&walk, LAYOUT_STAGING, visit_staged, err);
}
