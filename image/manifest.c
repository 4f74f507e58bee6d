/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "image/limits.h"

/* -- media types --------------------------------------------------------------------------------
 */

#define DOCKER         "application/vnd.docker."
#define OCI            "application/vnd.oci.image."

#define LAYOUT_VERSION "1.0.0"

enum media {
	MEDIA_UNKNOWN, /* nothing said, or something generic */
	MEDIA_IMAGE,
	MEDIA_INDEX,
	MEDIA_SCHEMA1,
	MEDIA_OTHER,
};

static const struct {
	const char *name;
	enum media media;
} medias[] = {
	{ "", MEDIA_UNKNOWN },
	{ "text/plain", MEDIA_UNKNOWN },
	{ "application/json", MEDIA_UNKNOWN },
	{ "application/octet-stream", MEDIA_UNKNOWN },
	{ "binary/octet-stream", MEDIA_UNKNOWN }, /* S3's, of a registry that is a bucket */
	{ OCI "manifest.v1+json", MEDIA_IMAGE },
	{ DOCKER "distribution.manifest.v2+json", MEDIA_IMAGE },
	{ OCI "index.v1+json", MEDIA_INDEX },
	{ DOCKER "distribution.manifest.list.v2+json", MEDIA_INDEX },
	{ DOCKER "distribution.manifest.v1+json", MEDIA_SCHEMA1 },
	{ DOCKER "distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1 },
};

/* Parameters ("; charset=utf-8") and the case of letters do not count. */
static enum media media_of(const char *type)
{
	size_t length = type ? strcspn(type, "; ") : 0;

	for (size_t i = 0; i < COUNT_OF(medias); i++)
		if (strlen(medias[i].name) == length &&
		    (length == 0 || strncasecmp(medias[i].name, type, length) == 0))
			return medias[i].media;
	return MEDIA_OTHER;
}

/* The suffix is only a hint: what compresses the layer is seen from its first bytes. */
static bool is_layer_type(const char *type)
{
	static const char *const known[] = {
		"",
		DOCKER "image.rootfs.diff.tar",
		DOCKER "image.rootfs.diff.tar.gzip",
		DOCKER "image.rootfs.diff.tar.zstd",
		OCI "layer.v1.tar",
		OCI "layer.v1.tar+gzip",
		OCI "layer.v1.tar+zstd",
	};

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(type, known[i]) == 0)
			return true;
	return false;
}

/* -- descriptors --------------------------------------------------------------------------------
 */

static bool parse_descriptor(const struct json *object, struct descriptor *descriptor,
			     struct error *err)
{
	const char *digest;

	if (object->type != JSON_OBJECT)
		return json_expected(object, "an object", err);
	if (!json_text_or(object, "mediaType", "", &descriptor->media_type, err) ||
	    !json_text(object, "digest", &digest, err) ||
	    !json_int(object, "size", &descriptor->size, err))
		return false;
	if (!digest_parse(&descriptor->digest, digest, err))
		return json_wrong(object, err, "%s", err->text);
	if (descriptor->size < 0)
		return json_wrong(object, err, "negative size");
	return true;
}

static bool parse_platform(const struct json *entry, struct descriptor *descriptor,
			   struct error *err)
{
	const struct json *platform, *annotations;
	const char *os, *architecture, *variant;

	if (!json_object_or_null(entry, "platform", &platform, err) ||
	    !json_text_or(platform, "os", "", &os, err) ||
	    !json_text_or(platform, "architecture", "", &architecture, err) ||
	    !json_text_or(platform, "variant", "", &variant, err) ||
	    !json_object_or_null(entry, "annotations", &annotations, err) ||
	    !json_text_or(annotations, "org.opencontainers.image.ref.name", NULL, &descriptor->name,
			  err) ||
	    !json_text_or(annotations, "io.containerd.image.name", descriptor->name,
			  &descriptor->name, err))
		return false;
	descriptor->has_platform = platform != NULL;
	platform_set(&descriptor->platform, os, architecture, variant);
	return true;
}

/* BuildKit puts what it knows about a build beside the image. */
static bool is_attestation(const struct json *entry)
{
	return json_get(json_get(entry, "annotations"), "vnd.docker.reference.type") != NULL;
}

/* -- index --------------------------------------------------------------------------------------
 */

static bool parse_index(struct arena *arena, const struct json *root, struct manifest *manifest,
			struct error *err)
{
	const struct json *list;

	if (!json_array_or_null(root, "manifests", &list, err))
		return false;
	if (list && list->count > LIMIT_INDEX_ENTRIES)
		return error_set(err, ERROR_INPUT, "index has more than %d entries",
				 LIMIT_INDEX_ENTRIES);
	manifest->kind = MANIFEST_INDEX;
	manifest->entries =
		arena_array(arena, list ? list->count + 1 : 1, sizeof(*manifest->entries));
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct descriptor *entry = &manifest->entries[manifest->entry_count];
		enum media media;

		*entry = (struct descriptor){ 0 };
		if (!parse_descriptor(item, entry, err) || !parse_platform(item, entry, err))
			return false;
		media = media_of(entry->media_type);
		if (media != MEDIA_OTHER && media != MEDIA_SCHEMA1 && !is_attestation(item))
			manifest->entry_count++;
	}
	return true;
}

static bool none_fits(const struct manifest *index, const struct platform *wanted,
		      struct error *err)
{
	autobuf struct buf offered;
	autofree char *here = platform_text(wanted);

	buf_init(&offered, 300);
	for (size_t i = 0; i < index->entry_count; i++) {
		autofree char *text = platform_text(&index->entries[i].platform);

		buf_printf(&offered, "%s%s", i > 0 ? ", " : "", text);
	}
	return error_set(err, ERROR_NOT_FOUND,
			 "no matching manifest for %s in the manifest list entries (%s%s)", here,
			 index->entry_count > 0 ? offered.data : "none is an image",
			 offered.is_cut ? "…" : "");
}

bool manifest_choose(const struct manifest *index, const struct platform *wanted,
		     const struct descriptor **chosen, struct error *err)
{
	const struct descriptor *best = NULL, *unnamed = NULL;
	int best_rank = -1;

	for (size_t i = 0; i < index->entry_count; i++) {
		const struct descriptor *entry = &index->entries[i];
		int rank = platform_rank(wanted, &entry->platform);

		if (!entry->has_platform) {
			unnamed = unnamed ? unnamed : entry;
			continue;
		}
		if (rank < 0 || (best && rank >= best_rank))
			continue;
		best = entry;
		best_rank = rank;
	}
	*chosen = best ? best : unnamed;
	return *chosen || none_fits(index, wanted, err);
}

/* -- manifest -----------------------------------------------------------------------------------
 */

static bool parse_layers(struct arena *arena, const struct json *root, struct manifest *manifest,
			 struct error *err)
{
	const struct json *list;

	if (!json_array_or_null(root, "layers", &list, err))
		return false;
	manifest->layer_count = list ? list->count : 0;
	if (manifest->layer_count > LIMIT_LAYERS)
		return error_set(err, ERROR_INPUT, "image has %zu layers, more than %d",
				 manifest->layer_count, LIMIT_LAYERS);
	manifest->layers = arena_array(arena, manifest->layer_count + 1, sizeof(*manifest->layers));
	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct descriptor *layer = &manifest->layers[item->index];

		if (!parse_descriptor(item, layer, err))
			return false;
		if (!is_layer_type(layer->media_type))
			return error_set(err, ERROR_UNSUPPORTED,
					 "layer %u has the type \"%.100s\", which cannot be run",
					 item->index + 1, layer->media_type);
	}
	return true;
}

/* The generic ones, and none at all, are what registries made of a pushed image's type for some
 * years (distribution issue 1621): docker takes them for images to this day. */
static bool is_config_type(const char *type)
{
	static const char *const known[] = {
		OCI "config.v1+json",
		DOCKER "container.image.v1+json",
		"application/octet-stream",
		"application/json",
		"text/html",
		"",
	};

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(type, known[i]) == 0)
			return true;
	return false;
}

static bool parse_image(struct arena *arena, const struct json *root, struct manifest *manifest,
			struct error *err)
{
	const struct json *config = json_get(root, "config");

	manifest->kind = MANIFEST_IMAGE;
	if (!config)
		return error_set(err, ERROR_INPUT, "manifest has no config");
	if (!parse_descriptor(config, &manifest->config, err))
		return false;
	if (!is_config_type(manifest->config.media_type))
		return error_set(err, ERROR_UNSUPPORTED,
				 "this is an artifact of type \"%.100s\", not an image",
				 manifest->config.media_type);
	if (manifest->config.size > LIMIT_IMAGE_JSON)
		return error_set(err, ERROR_INPUT, "image configuration is larger than %d bytes",
				 LIMIT_IMAGE_JSON);
	return parse_layers(arena, root, manifest, err);
}

/* -- both ---------------------------------------------------------------------------------------
 */

/* What the server says, what the document says and what it looks like must not contradict each
 * other. */
static bool find_media(const struct json *root, const char *said, enum media *media,
		       struct error *err)
{
	bool is_index = json_get(root, "manifests") != NULL;
	bool is_image = json_get(root, "config") || json_get(root, "layers");
	const char *own;

	if (!json_text_or(root, "mediaType", "", &own, err))
		return false;
	*media = media_of(said);
	if (*media == MEDIA_UNKNOWN)
		*media = media_of(own);
	else if (own[0] && media_of(own) != *media)
		return error_set(err, ERROR_INPUT,
				 "manifest calls itself \"%.100s\" but came as \"%.100s\"", own,
				 said);
	if (is_index && is_image)
		return error_set(err, ERROR_INPUT, "manifest is an index and an image at once");
	if (json_get(root, "fsLayers") || *media == MEDIA_SCHEMA1)
		*media = MEDIA_SCHEMA1;
	else if (*media == MEDIA_UNKNOWN)
		*media = is_index ? MEDIA_INDEX : is_image ? MEDIA_IMAGE : MEDIA_OTHER;
	else if ((*media == MEDIA_INDEX && is_image) || (*media == MEDIA_IMAGE && is_index))
		return error_set(err, ERROR_INPUT, "manifest is not what its media type says");
	return true;
}

bool manifest_parse(struct arena *arena, const void *bytes, size_t length, const char *media_type,
		    struct manifest *manifest, struct error *err)
{
	const struct json *root;
	enum media media;

	*manifest = (struct manifest){ 0 };
	if (length > LIMIT_IMAGE_JSON)
		return error_set(err, ERROR_INPUT, "manifest is larger than %d bytes",
				 LIMIT_IMAGE_JSON);
	if (!json_parse(arena, "manifest", bytes, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	if (!find_media(root, media_type, &media, err))
		return false;
	switch (media) {
	case MEDIA_INDEX:
		return parse_index(arena, root, manifest, err);
	case MEDIA_IMAGE:
		return parse_image(arena, root, manifest, err);
	case MEDIA_SCHEMA1:
		return error_set(err, ERROR_UNSUPPORTED,
				 "manifest of schema 1, which no one can run any more: "
				 "push the image again with a tool of today");
	case MEDIA_UNKNOWN:
	case MEDIA_OTHER:
		break;
	}
	return error_set(err, ERROR_UNSUPPORTED, "not an image manifest");
}

/* -- docker save --------------------------------------------------------------------------------
 */

static bool parse_saved(struct arena *arena, const struct json *item, struct saved_image *image,
			struct error *err)
{
	const char **names, **layers;

	if (item->type != JSON_OBJECT)
		return json_expected(item, "an object", err);
	if (!json_text(item, "Config", &image->config, err) ||
	    !json_text_array(arena, item, "RepoTags", &names, &image->name_count, err) ||
	    !json_text_array(arena, item, "Layers", &layers, &image->layer_count, err))
		return false;
	if (image->name_count > LIMIT_ARCHIVE_NAMES)
		return error_set(err, ERROR_INPUT,
				 "manifest.json has more than %d names for an image",
				 LIMIT_ARCHIVE_NAMES);
	image->names = names;
	image->layers = layers;
	return true;
}

bool manifest_parse_saved(struct arena *arena, const void *bytes, size_t length,
			  struct saved_image **images, size_t *count, struct error *err)
{
	const struct json *root;

	if (!json_parse(arena, "manifest.json", bytes, length, &root, err))
		return false;
	if (root->type == JSON_OBJECT && json_get(root, "schemaVersion"))
		return error_set(err, ERROR_UNSUPPORTED,
				 "manifest.json is a registry's, not docker save's");
	if (root->type != JSON_ARRAY)
		return json_expected(root, "an array", err);
	if (root->count > LIMIT_ARCHIVE_IMAGES)
		return error_set(err, ERROR_INPUT, "manifest.json names more than %d images",
				 LIMIT_ARCHIVE_IMAGES);
	*images = arena_array(arena, root->count + 1, sizeof(**images));
	*count = root->count;
	for (const struct json *item = root->child; item; item = item->next)
		if (!parse_saved(arena, item, &(*images)[item->index], err))
			return false;
	return true;
}

/* -- OCI layouts --------------------------------------------------------------------------------
 */

bool manifest_check_layout(const void *bytes, size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	const char *version;

	if (!json_parse(&arena, "oci-layout", bytes, length, &root, err) ||
	    !json_text_or(root, "imageLayoutVersion", LAYOUT_VERSION, &version, err))
		return false;
	return strcmp(version, LAYOUT_VERSION) == 0 ||
	       error_set(err, ERROR_UNSUPPORTED,
			 "the archive is an OCI layout of version %.40s: only " LAYOUT_VERSION
			 " is known",
			 version);
}
