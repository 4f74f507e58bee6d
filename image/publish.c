/* SPDX-License-Identifier: Apache-2.0 */
#include "image/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "image/assemble.h"
#include "image/documents.h"
#include "image/layout.h"
#include "image/names.h"
#include "image/record.h"
#include "image/room.h"

/* -- the draft ----------------------------------------------------------------------------------
 */

/* ChainID(L1) = DiffID(L1); ChainID(L1…Ln) = SHA-256 of "ChainID(L1…Ln-1) DiffID(Ln)". */
static void chain_layers(struct draft *draft)
{
	for (size_t i = 0; i < draft->layer_count; i++) {
		char both[2 * DIGEST_TEXT_LENGTH + 2];
		struct draft_layer *layer = &draft->layers[i];

		layer->chain = layer->diff_id;
		if (i == 0)
			continue;
		snprintf(both, sizeof(both), "%s %s", draft->layers[i - 1].chain.text,
			 layer->diff_id.text);
		hash_digest(both, strlen(both), &layer->chain);
	}
}

/* Before gigabytes of it are fetched. One that does not say which is Linux's, as of old. */
static bool check_os(const struct image_config *config, struct error *err)
{
	return !config->os[0] || strcasecmp(config->os, "linux") == 0 ||
	       error_set(err, ERROR_UNSUPPORTED,
			 "image operating system \"%.40s\" cannot be used on this platform: "
			 "operating system is not supported",
			 config->os);
}

static bool read_config(struct draft *draft, const void *config, size_t length, struct error *err)
{
	const struct json *root;
	struct digest *diff_ids;
	size_t count;

	if (length > LIMIT_IMAGE_JSON)
		return error_set(err, ERROR_INPUT, "image configuration is larger than %d bytes",
				 LIMIT_IMAGE_JSON);
	if (!json_parse_at_most(&draft->arena, "image configuration", config, length,
				LIMIT_CONFIG_VALUES, &root, err) ||
	    !image_config_parse(&draft->arena, root, &draft->config, err) ||
	    !check_os(&draft->config, err) ||
	    !image_config_diff_ids(&draft->arena, root, &diff_ids, &count, err))
		return false;
	draft->layer_count = count; /* and not before its descriptors are empty */
	for (size_t i = 0; i < count; i++)
		draft->layers[i] = (struct draft_layer){
			.diff_id = diff_ids[i], .dir = -1, .diff = -1, .kept = -1
		};
	hash_digest(config, length, &draft->id);
	return true;
}

bool draft_open(const struct store *store, const void *config, size_t length, struct draft *draft,
		struct error *err)
{
	*draft = (struct draft){ .store = store };
	if (!room_of_limit(store, &draft->room, err) || !read_config(draft, config, length, err))
		return false;
	chain_layers(draft);
	for (size_t i = 0; i < draft->layer_count; i++)
		if (!draft_find_layer(draft, i, err))
			return false;
	return true;
}

void draft_close(struct draft *draft)
{
	for (size_t i = 0; i < draft->layer_count; i++) {
		struct draft_layer *layer = &draft->layers[i];

		stage_free(layer->stage);
		mem_cleanup_close(&layer->kept);
		mem_cleanup_close(&layer->diff);
		mem_cleanup_close(&layer->dir);
		layer->kept = layer->diff = layer->dir = -1;
	}
	draft->layer_count = 0;
	arena_done(&draft->arena);
}

/* A shared lock keeps removal away; the layer may have been moved out before we had it. */
static bool hold_layer(const struct store *store, const char *path, int *dir)
{
	struct stat named, opened;
	autoclose int fd = openat(store->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_SH) < 0 || fstat(fd, &opened) < 0 ||
	    fstatat(store->root, path, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    named.st_ino != opened.st_ino)
		return false;
	*dir = take_fd(&fd);
	return true;
}

bool draft_find_layer(struct draft *draft, size_t index, struct error *err)
{
	struct draft_layer *layer = &draft->layers[index];
	struct layout_path path = layout_layer(&layer->chain);
	struct layer_info info;

	if (layer->dir >= 0 || layer->is_damaged ||
	    !hold_layer(draft->store, path.text, &layer->dir))
		return true;
	layer->diff = openat(layer->dir, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer->diff < 0)
		return error_sys(err, "open %s/diff", path.text);
	if (!layer_info_read(layer->dir, &info, err))
		return error_in(err, "%s", path.text);
	layer->size = info.size;
	return true;
}

void draft_forget_layer(struct draft *draft, size_t index, const struct digest *blob)
{
	struct draft_layer *layer = &draft->layers[index];
	struct layer_info info;
	struct error ignored;

	if (layer->dir >= 0 && layer_info_read(layer->dir, &info, &ignored))
		layer->kept = layer_open_kept(layer->dir, &info, blob);
	mem_cleanup_close(&layer->diff);
	mem_cleanup_close(&layer->dir);
	layer->diff = layer->dir = -1;
	layer->is_damaged = true;
}

/* -- layers -------------------------------------------------------------------------------------
 */

/* A damaged layer changes places with the new one, and is rubbish in staging/ from then on. */
static bool rename_layer(int root, const char *staged, const char *path, bool is_damaged)
{
	if (is_damaged && renameat2(root, staged, root, path, RENAME_EXCHANGE) == 0)
		return true;
	return renameat2(root, staged, root, path, RENAME_NOREPLACE) == 0;
}

/* First to name it wins; whoever comes second has made the same thing. */
static bool name_layer(struct draft *draft, struct draft_layer *layer, struct error *err)
{
	struct layout_path path = layout_layer(&layer->chain);
	struct stage *stage = layer->stage;
	int root = draft->store->root;

	if (rename_layer(root, stage->name.text, path.text, layer->is_damaged)) {
		stage->is_published = true;
		return flock(stage->dir, LOCK_SH) == 0 || error_sys(err, "lock %s", path.text);
	}
	if (errno != EEXIST)
		return error_sys(err, "publish %s", path.text);
	mem_cleanup_close(&layer->diff);
	mem_cleanup_close(&layer->dir);
	layer->diff = layer->dir = -1;
	if (!draft_find_layer(draft, (size_t)(layer - draft->layers), err))
		return false;
	return layer->dir >= 0 ||
	       error_set(err, ERROR_SYSTEM, "%s was made and removed meanwhile: try again",
			 path.text);
}

static bool settle_layer(struct draft *draft, size_t index, struct error *err)
{
	struct draft_layer *layer = &draft->layers[index];
	const struct stage *stage = layer->stage;
	struct layer_info info = { .diff_id = stage->diff_id,
				   .size = stage->bytes,
				   .entries = stage->entries,
				   .tar = stage->tar_bytes };
	int below[LIMIT_LAYERS];

	if (stage->kept >= 0) {
		info.kept = stage->blob_digest;
		info.kept_size = stage->blob_bytes;
	}
	for (size_t i = 0; i < index; i++)
		below[i] = draft->layers[i].diff;
	return assemble_layer(layer->diff, stage->notes, below, index, err) &&
	       layer_info_write(layer->dir, &info, err);
}

/* Between the exclusive lock of a stage and the shared one of a layer a flock is none for a moment:
 * the store's lock keeps removal away. */
static bool name_layers(struct draft *draft, size_t first, size_t end, struct error *err)
{
	autoclose int lock = -1;

	if (!store_lock(draft->store, false, &lock, err))
		return false;
	for (size_t i = first; i < end; i++) {
		struct draft_layer *layer = &draft->layers[i];

		if (!layer->stage)
			continue;
		if (!name_layer(draft, layer, err))
			return false;
		stage_free(take_pointer(&layer->stage));
		checkpoint_forget(layer->dir); /* nobody makes one any more */
	}
	return true;
}

/* Gives their names to the finished layers that lie on named ones, without making the names last.
 * `is_something`: other things have to be on the disk, too. */
static bool flush(struct draft *draft, bool is_something, struct error *err)
{
	size_t first = draft->published, end = first;

	for (; end < draft->layer_count && draft->layers[end].dir >= 0; end++) {
		if (!draft->layers[end].stage)
			continue;
		is_something = true;
		if (!settle_layer(draft, end, err))
			return error_in(err, "layer %zu of %zu", end + 1, draft->layer_count);
	}
	draft->published = end;
	draft->unpublished = 0;
	if (!is_something)
		return true;
	if (syncfs(draft->store->root) < 0)
		return error_sys(err, "write out the layers");
	return name_layers(draft, first, end, err);
}

bool draft_add_layer(struct draft *draft, size_t index, struct stage *stage, struct error *err)
{
	struct draft_layer *layer = &draft->layers[index];

	layer->stage = stage;
	layer->size = stage->bytes;
	layer->dir = fcntl(stage->dir, F_DUPFD_CLOEXEC, 3);
	layer->diff = fcntl(stage->diff, F_DUPFD_CLOEXEC, 3);
	if (layer->dir < 0 || layer->diff < 0)
		return error_sys(err, "keep a layer open");
	draft->unpublished += stage->bytes;
	draft->added += stage->bytes + (stage->kept >= 0 ? stage->blob_bytes : 0);
	return draft->added <= draft->room || room_exceeded(draft->store, err);
}

bool draft_settle(struct draft *draft, struct error *err)
{
	return draft->unpublished < UNPUBLISHED_BYTES ||
	       (flush(draft, false, err) && file_sync_dir(draft->store->root, LAYOUT_LAYERS, err));
}

/* -- the image ----------------------------------------------------------------------------------
 */

static bool want_blob(struct documents *documents, const struct digest *digest, const void *bytes,
		      size_t length, struct error *err)
{
	struct layout_path path = layout_blob(digest);

	return documents_want(documents, &path, bytes, length, err);
}

static bool want_record(struct draft *draft, const struct publication *publication,
			struct documents *documents, struct error *err)
{
	struct digest chains[LIMIT_LAYERS], diff_ids[LIMIT_LAYERS];
	struct layout_path path = record_path(&draft->id);
	struct store_image image = { .id = draft->id,
				     .config = draft->config,
				     .chains = chains,
				     .diff_ids = diff_ids,
				     .layer_count = draft->layer_count };
	autobuf struct buf text;

	buf_init(&text, LIMIT_STORE_JSON);
	for (size_t i = 0; i < draft->layer_count; i++) {
		chains[i] = draft->layers[i].chain;
		diff_ids[i] = draft->layers[i].diff_id;
		image.size += draft->layers[i].size;
	}
	if (publication->manifest)
		hash_digest(publication->manifest, publication->manifest_length, &image.manifest);
	return want_blob(documents, &draft->id, publication->config, publication->config_length,
			 err) &&
	       (!publication->manifest ||
		want_blob(documents, &image.manifest, publication->manifest,
			  publication->manifest_length, err)) &&
	       record_print(&image, &text, err) &&
	       documents_want(documents, &path, text.data, text.length, err);
}

static bool want_index(const struct draft *draft, const struct publication *publication,
		       struct documents *documents, struct error *err)
{
	struct digest digest;

	if (!publication->index)
		return true;
	hash_digest(publication->index, publication->index_length, &digest);

	struct layout_path path = layout_blob(&digest);

	return (!publication->is_repair &&
		faccessat(draft->store->root, path.text, F_OK, 0) == 0) ||
	       want_blob(documents, &digest, publication->index, publication->index_length, err);
}

/* What the store lacks. */
static bool want_documents(struct draft *draft, const struct publication *publication,
			   struct names *names, struct documents *documents, bool *is_new,
			   struct error *err)
{
	struct store_image before;

	documents_reset(documents);
	if (!names_read(draft->store, &draft->arena, names, err))
		return false;
	*is_new = !record_read(draft->store, &draft->arena, &draft->id, names, &before, err);

	/* Pulling what was loaded adds the manifest; loading what was pulled takes nothing away. */
	bool is_known = !*is_new && !publication->is_repair &&
			(!publication->manifest || !digest_is_empty(&before.manifest));

	return (is_known || want_record(draft, publication, documents, err)) &&
	       want_index(draft, publication, documents, err);
}

static bool sync_documents(struct documents *documents, struct error *err)
{
	if (documents->is_unsynced && syncfs(documents->store->root) < 0)
		return error_sys(err, "write out the image");
	documents->is_unsynced = false;
	return true;
}

static bool write_names(struct draft *draft, struct names *names,
			const struct publication *publication, struct name_change *changes,
			struct error *err)
{
	bool is_changed = false;

	for (size_t i = 0; i < publication->name_count; i++) {
		const struct name *before = names_find(names, publication->names[i]);

		changes[i] = (struct name_change){ 0 };
		if (before)
			changes[i].before = before->id;
		if (before && digest_is_equal(&before->id, &draft->id))
			continue;
		is_changed = true;
		names_set(names, publication->names[i], &draft->id);
	}
	return is_changed ? names_write(draft->store, names, err)
			  : file_sync_dir(draft->store->root, LAYOUT_IMAGES, err);
}

/* Everything is on the disk, and becomes visible: what the record leads to, and that for good, then
 * the record, then the names. The last two are in one directory, so that one fsync makes both last,
 * in this order. */
static bool name_image(struct draft *draft, const struct documents *documents, struct names *names,
		       const struct publication *publication, struct name_change *changes,
		       struct error *err)
{
	int root = draft->store->root;

	return documents_name(documents, LAYOUT_BLOBS, err) &&
	       file_sync_dir(root, LAYOUT_LAYERS, err) && file_sync_dir(root, LAYOUT_BLOBS, err) &&
	       documents_name(documents, LAYOUT_IMAGES, err) &&
	       write_names(draft, names, publication, changes, err);
}

/* Another process may have published or removed the image since its documents were written: they
 * are looked at again. */
static bool publish_locked(struct draft *draft, const struct publication *publication,
			   struct documents *documents, struct name_change *changes, bool *is_new,
			   struct error *err)
{
	autoclose int lock = -1;
	struct names names;

	return store_lock(draft->store, true, &lock, err) &&
	       want_documents(draft, publication, &names, documents, is_new, err) &&
	       sync_documents(documents, err) &&
	       name_image(draft, documents, &names, publication, changes, err);
}

bool draft_publish(struct draft *draft, const struct publication *publication,
		   struct name_change *changes, bool *is_new, struct error *err)
{
	struct documents documents = { .store = draft->store };
	struct names names;
	struct error later;

	/* Without the lock: the disk may take seconds. Whatever is wrong with the documents (a full
	 * disk, say), the layers are kept for the next time. */
	bool is_good = want_documents(draft, publication, &names, &documents, is_new, err);
	bool is_flushed = flush(draft, documents.is_unsynced, is_good ? err : &later);

	documents.is_unsynced = false;
	is_good = is_good && is_flushed &&
		  (draft->published == draft->layer_count ||
		   error_set(err, ERROR_SYSTEM, "layer %zu was not unpacked",
			     draft->published + 1)) &&
		  publish_locked(draft, publication, &documents, changes, is_new, err);
	documents_done(&documents);
	return is_good;
}
