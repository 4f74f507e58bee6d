/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker save, as docker 25 and later do it: an OCI layout in a tar, and docker's manifest.json for
 * all who know only that. Layers are uncompressed; every byte of them is what was pulled or loaded.
 */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/jsonout.h"
#include "base/texts.h"
#include "image/held.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/lookup.h"
#include "image/split.h"
#include "image/tarout.h"
#include "registry/reference.h"

#define OCI "application/vnd.oci.image."

/* One image of the archive. */
struct saved {
	struct held held;
	struct texts names; /* canonical; none if it was asked for by ID */
	struct digest manifest;
	struct buf manifest_text;
};

struct save {
	const struct store *store;
	struct arena arena;
	struct names names;
	struct saved images[LIMIT_ARCHIVE_IMAGES];
	size_t count;
	struct texts written; /* blobs that are in the archive: layers are shared */
	struct tarout tar;
};

/* -- what is asked for --------------------------------------------------------------------------
 */

static struct saved *saved_of(struct save *save, const struct digest *id, struct error *err)
{
	for (size_t i = 0; i < save->count; i++)
		if (digest_is_equal(&save->images[i].held.image.id, id))
			return &save->images[i];
	if (save->count == LIMIT_ARCHIVE_IMAGES) {
		error_set(err, ERROR_INPUT, "more than %d images at once", LIMIT_ARCHIVE_IMAGES);
		return NULL;
	}

	struct saved *saved = &save->images[save->count];

	save->count++;
	return held_open(save->store, &save->arena, id, &save->names, &saved->held, err) ? saved
											 : NULL;
}

static bool add_image(struct save *save, const struct digest *id, const char *name,
		      struct error *err)
{
	struct saved *saved = saved_of(save, id, err);

	if (saved && name && name_is_tag(name) && !texts_has(&saved->names, name))
		texts_add(&saved->names, name);
	return saved != NULL;
}

/* "redis" means all tags of redis; *is_any is false if it has none. */
static bool add_all_tags(struct save *save, const char *name, bool *is_any, struct error *err)
{
	struct reference reference;
	struct error ignored;

	*is_any = false;
	if (!reference_parse_bare(&reference, name, &ignored) || reference.tag[0] ||
	    !digest_is_empty(&reference.digest))
		return true;

	autofree char *repository = reference_name(&reference);
	size_t length = strlen(repository);

	for (size_t i = 0; i < save->names.count; i++) {
		const struct name *tag = &save->names.items[i];

		if (strncmp(tag->text, repository, length) != 0 || tag->text[length] != ':')
			continue;
		*is_any = true;
		if (!add_image(save, &tag->id, tag->text, err))
			return false;
	}
	return true;
}

static bool add_named(struct save *save, const char *name, struct error *err)
{
	struct match match;
	bool is_any;

	if (!add_all_tags(save, name, &is_any, err))
		return false;
	return is_any || (lookup_name(save->store, &save->arena, &save->names, name, &match, err) &&
			  add_image(save, &match.id, match.name, err));
}

/* -- members ------------------------------------------------------------------------------------
 */

/* Without a time: the same images give the same archive. */
static bool begin_member(struct save *save, const char *name, int64_t size, struct error *err)
{
	const struct tarout_entry entry = {
		.type = TAROUT_FILE, .path = name, .mode = 0644, .size = size
	};

	return tarout_put(&save->tar, &entry, err);
}

static bool put_member(struct save *save, const char *name, const struct buf *text,
		       struct error *err)
{
	return begin_member(save, name, (int64_t)text->length, err) &&
	       tarout_data(&save->tar, text->data ? text->data : "", text->length, err);
}

/* False if the archive has this blob already. */
static bool is_first(struct save *save, const struct digest *digest, char name[128])
{
	snprintf(name, 128, "%s/%s", LAYOUT_BLOBS, digest_hex(digest));
	if (texts_has(&save->written, name))
		return false;
	texts_add(&save->written, arena_strdup(&save->arena, name));
	return true;
}

static bool put_blob(struct save *save, const struct digest *digest, const struct buf *text,
		     struct error *err)
{
	char name[128];

	return !is_first(save, digest, name) || put_member(save, name, text, err);
}

/* -- layers -------------------------------------------------------------------------------------
 */

struct copying {
	struct save *save;
	struct hash hash;
};

static bool on_bytes(void *context, const void *bytes, size_t count, struct error *err)
{
	struct copying *copying = context;

	hash_add(&copying->hash, bytes, count);
	return tarout_data(&copying->save->tar, bytes, count, err);
}

static bool copy_layer(struct save *save, int dir, const struct layer_info *info, struct error *err)
{
	autoclose int diff = openat(dir, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int split = openat(dir, LAYOUT_SPLIT, O_RDONLY | O_CLOEXEC);
	struct copying copying = { .save = save };
	const struct split_sink sink = { on_bytes, &copying };
	struct digest digest;

	if (diff < 0 || split < 0)
		return error_sys(err, "open its files");
	hash_init(&copying.hash);

	bool is_good = split_join(split, diff, &sink, err);

	hash_finish(&copying.hash, &digest);
	hash_done(&copying.hash);
	if (is_good && !digest_is_equal(&digest, &info->diff_id))
		return error_set(err, ERROR_CORRUPT,
				 "its files are not what they were: pull or load the image again");
	return is_good;
}

static bool put_layer(struct save *save, int dir, const struct layer_info *info, struct error *err)
{
	char name[128];

	if (!is_first(save, &info->diff_id, name))
		return true;
	return (begin_member(save, name, info->tar, err) && copy_layer(save, dir, info, err)) ||
	       error_in(err, "layer %.12s", digest_hex(&info->diff_id));
}

/* -- documents ----------------------------------------------------------------------------------
 */

static void print_descriptor(struct jsonout *out, const char *key, const char *type,
			     const struct digest *digest, int64_t size)
{
	jsonout_object(out, key);
	jsonout_text(out, "mediaType", type);
	jsonout_text(out, "digest", digest->text);
	jsonout_int(out, "size", size);
}

/* The manifest of this archive: its layers are not those of a registry, which were compressed. */
static bool make_manifest(struct saved *saved, struct error *err)
{
	const struct store_image *image = &saved->held.image;
	struct jsonout out;

	buf_init(&saved->manifest_text, LIMIT_IMAGE_JSON);
	jsonout_init(&out, &saved->manifest_text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "schemaVersion", 2);
	jsonout_text(&out, "mediaType", OCI "manifest.v1+json");
	print_descriptor(&out, "config", OCI "config.v1+json", &image->id,
			 (int64_t)saved->held.config.length);
	jsonout_object_end(&out);
	jsonout_array(&out, "layers");
	for (size_t i = 0; i < image->layer_count; i++) {
		print_descriptor(&out, NULL, OCI "layer.v1.tar", &saved->held.infos[i].diff_id,
				 saved->held.infos[i].tar);
		jsonout_object_end(&out);
	}
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!buf_check(&saved->manifest_text, "manifest", err))
		return false;
	hash_digest(saved->manifest_text.data, saved->manifest_text.length, &saved->manifest);
	return true;
}

static void print_index_entry(struct jsonout *out, const struct saved *saved, const char *name)
{
	print_descriptor(out, NULL, OCI "manifest.v1+json", &saved->manifest,
			 (int64_t)saved->manifest_text.length);
	if (name) {
		jsonout_object(out, "annotations");
		jsonout_text(out, "io.containerd.image.name", name);
		jsonout_text(out, "org.opencontainers.image.ref.name", strrchr(name, ':') + 1);
		jsonout_object_end(out);
	}
	jsonout_object_end(out);
}

static bool put_index(struct save *save, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, LIMIT_IMAGE_JSON);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "schemaVersion", 2);
	jsonout_text(&out, "mediaType", OCI "index.v1+json");
	jsonout_array(&out, "manifests");
	for (size_t i = 0; i < save->count; i++) {
		const struct saved *saved = &save->images[i];

		for (size_t k = 0; k < saved->names.count; k++)
			print_index_entry(&out, saved, saved->names.items[k]);
		if (saved->names.count == 0)
			print_index_entry(&out, saved, NULL);
	}
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&text, "index.json", err) && put_member(save, "index.json", &text, err);
}

static void print_saved(struct jsonout *out, const struct saved *saved)
{
	const struct store_image *image = &saved->held.image;
	struct error ignored;

	jsonout_object(out, NULL);

	autofree char *config = mem_printf("%s/%s", LAYOUT_BLOBS, digest_hex(&image->id));

	jsonout_text(out, "Config", config);
	if (saved->names.count == 0)
		jsonout_null(out, "RepoTags");
	else
		jsonout_array(out, "RepoTags");
	for (size_t i = 0; i < saved->names.count; i++) {
		struct reference reference;

		if (!reference_parse(&reference, saved->names.items[i], &ignored))
			continue;

		autofree char *familiar = reference_familiar(&reference);

		jsonout_text(out, NULL, familiar);
	}
	if (saved->names.count > 0)
		jsonout_array_end(out);
	jsonout_array(out, "Layers");
	for (size_t i = 0; i < image->layer_count; i++) {
		autofree char *layer =
			mem_printf("%s/%s", LAYOUT_BLOBS, digest_hex(&image->diff_ids[i]));

		jsonout_text(out, NULL, layer);
	}
	jsonout_array_end(out);
	jsonout_object_end(out);
}

static bool put_docker_manifest(struct save *save, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, LIMIT_IMAGE_JSON);
	jsonout_init(&out, &text, false);
	jsonout_array(&out, NULL);
	for (size_t i = 0; i < save->count; i++)
		print_saved(&out, &save->images[i]);
	jsonout_array_end(&out);
	jsonout_done(&out);
	return buf_check(&text, "manifest.json", err) &&
	       put_member(save, "manifest.json", &text, err);
}

/* "redis:7" as people write it, in two; false for what is no name. */
static bool split_name(const char *name, char **repository, const char **tag)
{
	struct reference reference;
	struct error ignored;

	if (!reference_parse(&reference, name, &ignored))
		return false;
	*repository = reference_familiar(&reference);
	char *colon = strrchr(*repository, ':');
	*colon = '\0';
	*tag = colon + 1;
	return true;
}

/* "redis": {"7": its uppermost layer, …}: of all images that are saved. */
static void print_repository(struct jsonout *out, const struct save *save, const char *wanted)
{
	jsonout_object(out, wanted);
	for (size_t i = 0; i < save->count; i++) {
		const struct saved *saved = &save->images[i];
		const struct store_image *image = &saved->held.image;
		const struct digest *top =
			image->layer_count ? &image->diff_ids[image->layer_count - 1] : &image->id;

		for (size_t k = 0; k < saved->names.count; k++) {
			autofree char *repository = NULL;
			const char *tag;

			if (split_name(saved->names.items[k], &repository, &tag) &&
			    strcmp(repository, wanted) == 0)
				jsonout_text(out, tag, digest_hex(top));
		}
	}
	jsonout_object_end(out);
}

/* For readers older than manifest.json, and for who looks which names are in the archive. */
static bool put_repositories(struct save *save, struct error *err)
{
	autotexts struct texts seen = { 0 };
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, LIMIT_IMAGE_JSON);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	for (size_t i = 0; i < save->count; i++) {
		const struct texts *names = &save->images[i].names;

		for (size_t k = 0; k < names->count; k++) {
			autofree char *repository = NULL;
			const char *tag;

			if (!split_name(names->items[k], &repository, &tag) ||
			    texts_has(&seen, repository))
				continue;
			const char *kept = arena_strdup(&save->arena, repository);
			texts_add(&seen, kept);
			print_repository(&out, save, kept);
		}
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
	return seen.count == 0 || (buf_check(&text, "repositories", err) &&
				   put_member(save, "repositories", &text, err));
}

static bool put_layout_mark(struct save *save, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, 100);
	buf_add_text(&text, "{\"imageLayoutVersion\":\"1.0.0\"}");
	return put_member(save, "oci-layout", &text, err);
}

/* -- the archive --------------------------------------------------------------------------------
 */

static bool put_image(struct save *save, struct saved *saved, struct error *err)
{
	if (!make_manifest(saved, err) ||
	    !put_blob(save, &saved->held.image.id, &saved->held.config, err) ||
	    !put_blob(save, &saved->manifest, &saved->manifest_text, err))
		return false;
	for (size_t i = 0; i < saved->held.image.layer_count; i++)
		if (!put_layer(save, saved->held.layers[i], &saved->held.infos[i], err))
			return false;
	return true;
}

static bool put_all(struct save *save, struct error *err)
{
	for (size_t i = 0; i < save->count; i++)
		if (!put_image(save, &save->images[i], err))
			return false;
	return put_index(save, err) && put_docker_manifest(save, err) &&
	       put_repositories(save, err) && put_layout_mark(save, err) &&
	       tarout_end(&save->tar, err);
}

/* Every name is looked up before the first byte is written. The store itself is locked only here:
 * who knows how long the reader of the archive takes? */
static bool find_all(struct save *save, const struct texts *names, struct error *err)
{
	autoclose int lock = -1;

	if (!store_lock(save->store, false, &lock, err) ||
	    !names_read(save->store, &save->arena, &save->names, err))
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (!add_named(save, names->items[i], err))
			return false;
	return true;
}

static bool check_platforms(const struct save *save, const char *platform, struct error *err)
{
	for (size_t i = 0; i < save->count; i++) {
		const struct saved *saved = &save->images[i];
		const struct store_image *image = &saved->held.image;
		const char *name = saved->names.count ? saved->names.items[0] : image->id.text;

		if (!store_check_platform(image, name, platform, err))
			return false;
	}
	return true;
}

static void finish(struct save *save)
{
	for (size_t i = 0; i < save->count; i++) {
		struct saved *saved = &save->images[i];

		held_close(&saved->held);
		texts_done(&saved->names);
		buf_done(&saved->manifest_text);
	}
	texts_done(&save->written);
	tarout_close(&save->tar);
	arena_done(&save->arena);
}

bool unpack_save(const struct store *store, const struct texts *names, const char *platform, int fd,
		 struct error *err)
{
	autofree struct save *save = mem_alloc(sizeof(*save));

	save->store = store;
	tarout_open(&save->tar, fd);

	bool is_good = find_all(save, names, err) && check_platforms(save, platform, err) &&
		       put_all(save, err);

	finish(save);
	return is_good;
}
