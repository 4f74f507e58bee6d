/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/lookup.h"
#include "image/names.h"
#include "image/record.h"
#include "registry/platform.h"

/* -- opening ------------------------------------------------------------------------------------
 */

bool store_open(const char *path, struct store *store, struct error *err)
{
	autoclose int root = -1;

	*store = (struct store){ .root = -1 };
	if (!path_open_own_dir(path, 0711, &root, err))
		return error_in(err, "open the store");
	if (faccessat(root, LAYOUT_STAGING, F_OK, 0) < 0 && !layout_make(root, err))
		return error_in(err, "store %s", path);
	store->root = take_fd(&root);
	store->path = mem_strdup(path);
	return true;
}

void store_close(struct store *store)
{
	mem_cleanup_close(&store->root);
	free(store->path);
	*store = (struct store){ .root = -1 };
}

bool store_lock(const struct store *store, bool is_exclusive, int *fd, struct error *err)
{
	enum file_lock_mode mode = is_exclusive ? FILE_LOCK_EXCLUSIVE : FILE_LOCK_SHARED;

	return file_lock(store->root, LAYOUT_LOCK, mode, fd, err) ||
	       error_in(err, "store %s", store->path);
}

/* -- finding ------------------------------------------------------------------------------------
 */

bool store_find(const struct store *store, struct arena *arena, const char *name,
		struct store_image *image, struct error *err)
{
	struct names names;
	struct match match;

	return names_read(store, arena, &names, err) &&
	       lookup_name(store, arena, &names, name, &match, err) &&
	       record_read(store, arena, &match.id, &names, image, err);
}

bool store_check_platform(const struct store_image *image, const char *name, const char *platform,
			  struct error *err)
{
	const struct image_config *config = &image->config;
	struct platform wanted, own;

	if (!platform || !*platform)
		return true;
	if (!platform_parse(&wanted, platform, err))
		return false;
	platform_set(&own, config->os, config->architecture, config->variant);
	return platform_rank(&wanted, &own) >= 0 ||
	       error_set(err, ERROR_NOT_FOUND,
			 "image with reference %s was found but does not provide the specified "
			 "platform (%s)",
			 name, platform);
}

bool store_fits_platform(const struct store_image *image, const char *name, const char *platform,
			 struct error *err)
{
	const struct image_config *config = &image->config;
	struct platform wanted, own;

	platform_set(&own, config->os, config->architecture, config->variant);
	if (!platform_parse(&wanted, platform, err))
		return false;
	if (!*own.arch || platform_rank(&wanted, &own) >= 0)
		return true;

	autofree char *got = platform_text(&own);
	autofree char *want = platform_text(&wanted);

	return error_set(err, ERROR_NOT_FOUND,
			 "image with reference %s was found but its platform (%s) does not match "
			 "the specified platform (%s)",
			 name, got, want);
}

bool store_get(const struct store *store, struct arena *arena, const struct digest *id,
	       struct store_image *image, struct error *err)
{
	struct names names;

	return names_read(store, arena, &names, err) &&
	       record_read(store, arena, id, &names, image, err);
}

/* Newest first; then by ID, so that the order is always the same. */
static int compare_age(const void *a, const void *b)
{
	const struct store_image *left = a, *right = b;

	if (left->created != right->created)
		return left->created < right->created ? 1 : -1;
	if (left->created_ns != right->created_ns)
		return left->created_ns < right->created_ns ? 1 : -1;
	return strcmp(left->id.text, right->id.text);
}

bool store_list(const struct store *store, struct arena *arena, struct store_image **images,
		size_t *count, struct error *err)
{
	struct names names;
	struct digest *ids;
	size_t id_count;

	*count = 0;
	if (!names_read(store, arena, &names, err) ||
	    !record_list(store, arena, "", &ids, &id_count, err))
		return false;
	*images = arena_array(arena, id_count + 1, sizeof(**images));
	for (size_t i = 0; i < id_count; i++) {
		if (record_read(store, arena, &ids[i], &names, &(*images)[*count], err))
			(*count)++;
		else if (err->kind != ERROR_NOT_FOUND) /* removed meanwhile: fine */
			return false;
	}
	if (*count > 0)
		qsort(*images, *count, sizeof(**images), compare_age);
	return true;
}

bool store_read_blob(const struct store *store, const struct digest *digest, struct buf *buf,
		     struct error *err)
{
	struct layout_path path = layout_blob(digest);

	return file_read(store->root, path.text, buf, err);
}

/* -- names --------------------------------------------------------------------------------------
 */

bool store_layer_size(const struct store *store, const struct digest *chain, int64_t *bytes,
		      struct error *err)
{
	struct layout_path path = layout_layer(chain);
	autoclose int dir = openat(store->root, path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct layer_info info;

	if (dir < 0)
		return error_sys(err, "open %s", path.text);
	if (!layer_info_read(dir, &info, err))
		return false;
	*bytes = info.size;
	return true;
}

bool store_tag(const struct store *store, const struct digest *id, const struct reference *name,
	       struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int lock = -1;
	autofree char *text = reference_text(name);
	struct names names;
	struct store_image image;

	if (!digest_is_empty(&name->digest))
		return error_set(err, ERROR_INPUT,
				 "refusing to create a tag with a digest reference");
	if (!store_lock(store, true, &lock, err) || !names_read(store, &arena, &names, err) ||
	    !record_read(store, &arena, id, &names, &image, err)) /* gone meanwhile? */
		return false;
	names_set(&names, text, id);
	return names_write(store, &names, err);
}
