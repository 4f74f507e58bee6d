/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"

#define INFO_FILE "layer.json"
#define DEAD      "dead-"
#define INFO_MAX  4096

static struct layout_path make_path(const char *before, const struct digest *digest,
				    const char *after)
{
	struct layout_path path;

	snprintf(path.text, sizeof(path.text), "%s%s%s", before, digest_hex(digest), after);
	return path;
}

struct layout_path layout_layer(const struct digest *chain)
{
	return make_path(LAYOUT_LAYERS "/", chain, "");
}

struct layout_path layout_diff(const struct digest *chain)
{
	return make_path(LAYOUT_LAYERS "/", chain, "/diff");
}

struct layout_path layout_staged(const struct digest *chain)
{
	return make_path(LAYOUT_STAGING "/layer-", chain, "");
}

struct layout_path layout_dead(const struct digest *chain)
{
	return make_path(LAYOUT_STAGING "/" DEAD, chain, "");
}

bool layout_is_dead(const char *name)
{
	return strncmp(name, DEAD, sizeof(DEAD) - 1) == 0;
}

struct layout_path layout_blob(const struct digest *digest)
{
	return make_path(LAYOUT_BLOBS "/", digest, "");
}

bool layout_make(int root, struct error *err)
{
	/* 0700: set-uid files of images must not be reachable by the users of this machine. */
	static const char *const names[] = { "blobs", LAYOUT_BLOBS, LAYOUT_IMAGES, LAYOUT_LAYERS,
					     LAYOUT_STAGING };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (mkdirat(root, names[i], 0700) < 0 && errno != EEXIST)
			return error_sys(err, "create directory %s", names[i]);
	return true;
}

static bool parse_info(struct arena *arena, const struct buf *text, struct layer_info *info,
		       struct error *err)
{
	const struct json *root;
	const char *diff_id, *kept;

	*info = (struct layer_info){ 0 };
	return json_parse(arena, INFO_FILE, text->data, text->length, &root, err) &&
	       json_text(root, "diff", &diff_id, err) &&
	       digest_parse(&info->diff_id, diff_id, err) &&
	       json_int(root, "size", &info->size, err) &&
	       json_int(root, "entries", &info->entries, err) &&
	       json_int(root, "tar", &info->tar, err) &&
	       json_text_or(root, "kept", NULL, &kept, err) &&
	       (!kept || digest_parse(&info->kept, kept, err)) &&
	       json_int_or(root, "kept_size", 0, &info->kept_size, err);
}

bool layer_info_read(int dir, struct layer_info *info, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;

	buf_init(&text, INFO_MAX);
	return file_read(dir, INFO_FILE, &text, err) && parse_info(&arena, &text, info, err);
}

bool layer_info_write(int dir, const struct layer_info *info, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, INFO_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "diff", info->diff_id.text);
	jsonout_int(&out, "size", info->size);
	jsonout_int(&out, "entries", info->entries);
	jsonout_int(&out, "tar", info->tar);
	if (!digest_is_empty(&info->kept)) {
		jsonout_text(&out, "kept", info->kept.text);
		jsonout_int(&out, "kept_size", info->kept_size);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
	return file_replace(dir, INFO_FILE, text.data, text.length, 0600, FILE_VOLATILE, err);
}

int layer_open_kept(int dir, const struct layer_info *info, const struct digest *blob)
{
	if (digest_is_empty(&info->kept) || !digest_is_equal(&info->kept, blob))
		return -1;
	return openat(dir, LAYOUT_KEPT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}
