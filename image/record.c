/* SPDX-License-Identifier: Apache-2.0 */
#include "image/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "image/limits.h"

#define SUFFIX ".json"

struct layout_path record_path(const struct digest *id)
{
	struct layout_path path;

	snprintf(path.text, sizeof(path.text), LAYOUT_IMAGES "/%s" SUFFIX, digest_hex(id));
	return path;
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool read_digest(const struct json *object, const char *key, struct digest *digest,
			struct error *err)
{
	const char *text;

	*digest = (struct digest){ 0 };
	if (!json_text_or(object, key, "", &text, err))
		return false;
	return text[0] == '\0' || digest_parse(digest, text, err);
}

static bool read_layers(struct arena *arena, const struct json *root, struct store_image *image,
			struct error *err)
{
	const struct json *list;

	if (!json_array_or_null(root, "layers", &list, err))
		return false;
	image->layer_count = list ? list->count : 0;

	struct digest *chains = arena_array(arena, image->layer_count + 1, sizeof(*chains));
	struct digest *diff_ids = arena_array(arena, image->layer_count + 1, sizeof(*diff_ids));

	for (const struct json *layer = list ? list->child : NULL; layer; layer = layer->next)
		if (!read_digest(layer, "chain", &chains[layer->index], err) ||
		    !read_digest(layer, "diff", &diff_ids[layer->index], err))
			return false;
	image->chains = chains;
	image->diff_ids = diff_ids;
	return true;
}

static void take_names(struct arena *arena, const struct names *names, struct store_image *image)
{
	const char **tags = arena_array(arena, names->count + 1, sizeof(*tags));
	const char **digests = arena_array(arena, names->count + 1, sizeof(*digests));

	for (size_t i = 0; i < names->count; i++) {
		const struct name *name = &names->items[i];

		if (!digest_is_equal(&name->id, &image->id))
			continue;
		if (name_is_tag(name->text))
			tags[image->name_count++] = name->text;
		else
			digests[image->digest_count++] = name->text;
	}
	image->names = tags;
	image->digests = digests;
}

bool record_read(const struct store *store, struct arena *arena, const struct digest *id,
		 const struct names *names, struct store_image *image, struct error *err)
{
	struct layout_path file = record_path(id);
	autobuf struct buf text;
	const struct json *root;

	*image = (struct store_image){ .id = *id };
	buf_init(&text, LIMIT_STORE_JSON);
	if (!file_read(store->root, file.text, &text, err))
		return err->sys == ENOENT
			       ? error_set(err, ERROR_NOT_FOUND, "No such image: %s", id->text)
			       : false;
	if (!json_parse(arena, file.text, text.data, text.length, &root, err) ||
	    !read_digest(root, "manifest", &image->manifest, err) ||
	    !read_layers(arena, root, image, err) ||
	    !json_int_or(root, "size", 0, &image->size, err) ||
	    !image_config_parse(arena, root, &image->config, err))
		return error_in(err, "%s/%s", store->path, file.text);
	image_time_parse(image->config.created, &image->created, &image->created_ns);
	take_names(arena, names, image);
	return true;
}

/* -- writing ------------------------------------------------------------------------------------
 */

bool record_print(const struct store_image *image, struct buf *text, struct error *err)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "manifest", image->manifest.text);
	jsonout_int(&out, "size", image->size);
	jsonout_array(&out, "layers");
	for (size_t i = 0; i < image->layer_count; i++) {
		jsonout_object(&out, NULL);
		jsonout_text(&out, "chain", image->chains[i].text);
		jsonout_text(&out, "diff", image->diff_ids[i].text);
		jsonout_object_end(&out);
	}
	jsonout_array_end(&out);
	image_config_write(&out, &image->config);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(text, record_path(&image->id).text, err);
}

bool record_remove(const struct store *store, const struct digest *id, struct error *err)
{
	struct layout_path file = record_path(id);

	if (unlinkat(store->root, file.text, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", file.text);
	return file_sync_dir(store->root, LAYOUT_IMAGES, err);
}

/* -- listing ------------------------------------------------------------------------------------
 */

/* "HEX.json" → digest; names.json and files beside are none. */
static bool id_of(const char *file, struct digest *id)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct error ignored;

	if (strlen(file) != DIGEST_HEX_LENGTH + strlen(SUFFIX) ||
	    strcmp(file + DIGEST_HEX_LENGTH, SUFFIX) != 0)
		return false;
	memcpy(hex, file, DIGEST_HEX_LENGTH);
	hex[DIGEST_HEX_LENGTH] = '\0';
	return digest_parse_hex(id, hex, &ignored);
}

bool record_list(const struct store *store, struct arena *arena, const char *prefix,
		 struct digest **ids, size_t *count, struct error *err)
{
	size_t room = 16;

	*count = 0;
	*ids = arena_array(arena, room, sizeof(**ids));

	autodir DIR *dir = file_list(store->root, LAYOUT_IMAGES);

	if (!dir)
		return errno == ENOENT ? true : error_sys(err, "open %s/images", store->path);

	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(dir, "images", &entry, err)) && entry) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
		    !id_of(entry->d_name, &(*ids)[*count]))
			continue;
		if (++*count < room)
			continue;

		struct digest *more = arena_array(arena, room * 2, sizeof(*more));

		memcpy(more, *ids, room * sizeof(*more));
		*ids = more;
		room *= 2;
	}
	return is_read;
}
