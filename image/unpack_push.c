/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker push: layers first, then the configuration, then the manifest that names them. A layer
 * that was pulled is known by its compressed digest: where the registry has it, nothing is sent.
 * Others are put together and compressed into a file without a name, one at a time, since their
 * digest must be known before they have a place. If all is as it was pulled, so is the manifest.
 */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "image/fetcher.h"
#include "image/gzip.h"
#include "image/held.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/lookup.h"
#include "image/manifest.h"
#include "image/names.h"
#include "image/record.h"
#include "image/report.h"
#include "image/split.h"
#include "registry/reference.h"

#define OCI        "application/vnd.oci.image."
#define TYPE_LAYER OCI "layer.v1.tar"

struct push {
	const struct store *store;
	struct fetcher fetcher;
	struct arena arena;
	struct reference reference;
	char *text; /* canonical */
	struct held image;
	const char *from;          /* a repository there that may have the layers; or NULL */
	struct buf original;       /* the manifest as it was pulled; empty if there is none */
	struct manifest known;     /* what it says */
	bool is_original;          /* all is as it was pulled */
	struct descriptor *layers; /* as they are there */
	struct descriptor config;
	enum fetch_look config_found;
	struct digest sent; /* the manifest as it is there */
};

/* -- what is pushed -----------------------------------------------------------------------------
 */

static bool find_image(struct push *push, const char *name, struct error *err)
{
	autoclose int lock = -1;
	struct names names = { 0 };
	struct match match;

	return store_lock(push->store, false, &lock, err) &&
	       names_read(push->store, &push->arena, &names, err) &&
	       lookup_name(push->store, &push->arena, &names, name, &match, err) &&
	       held_open(push->store, &push->arena, &match.id, &names, &push->image, err);
}

/* Another name of the image at the same registry: its repository has the layers, most likely. */
static void find_source(struct push *push)
{
	const struct store_image *image = &push->image.image;

	for (size_t i = 0; i < image->name_count; i++) {
		struct reference other;
		struct error ignored;

		if (reference_parse(&other, image->names[i], &ignored) &&
		    strcmp(other.domain, push->reference.domain) == 0 &&
		    strcmp(other.path, push->reference.path) != 0) {
			push->from = arena_strdup(&push->arena, other.path);
			return;
		}
	}
}

/* What cannot be read is made anew. */
static void read_original(struct push *push)
{
	const struct store_image *image = &push->image.image;
	struct digest got;
	struct error ignored;

	buf_init(&push->original, LIMIT_IMAGE_JSON);
	if (digest_is_empty(&image->manifest) ||
	    !store_read_blob(push->store, &image->manifest, &push->original, &ignored) ||
	    !push->original.data)
		return;
	hash_digest(push->original.data, push->original.length, &got);
	push->is_original = digest_is_equal(&got, &image->manifest) &&
			    manifest_parse(&push->arena, push->original.data, push->original.length,
					   NULL, &push->known, &ignored) &&
			    push->known.kind == MANIFEST_IMAGE &&
			    push->known.layer_count == image->layer_count &&
			    digest_is_equal(&push->known.config.digest, &image->id);
	if (!push->is_original)
		push->known = (struct manifest){ 0 };
}

/* -- files without a name -----------------------------------------------------------------------
 */

static bool open_nameless(struct push *push, int *fd, struct error *err)
{
	autofree char *name = mem_printf(LAYOUT_STAGING "/push-%d", (int)getpid());

	*fd = openat(push->store->root, LAYOUT_STAGING, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return *fd >= 0 || error_sys(err, "make a file in " LAYOUT_STAGING);
	/* Some file systems want a name first. */
	*fd = openat(push->store->root, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (*fd < 0)
		return error_sys(err, "make %s", name);
	return unlinkat(push->store->root, name, 0) == 0 || error_sys(err, "remove %s", name);
}

static bool rewind_file(int fd, struct error *err)
{
	return lseek(fd, 0, SEEK_SET) == 0 || error_sys(err, "rewind a file");
}

/* -- layers -------------------------------------------------------------------------------------
 */

/* One layer on its way through both hashes and the compression. */
struct packing {
	int fd;
	int64_t size;
	struct hash plain, packed;
	struct gzip *gzip;
};

static bool on_packed(void *context, const void *bytes, size_t count, struct error *err)
{
	struct packing *packing = context;

	hash_add(&packing->packed, bytes, count);
	packing->size += (int64_t)count;
	return file_write(packing->fd, "the compressed layer", bytes, count, err);
}

static bool on_plain(void *context, const void *bytes, size_t count, struct error *err)
{
	struct packing *packing = context;

	hash_add(&packing->plain, bytes, count);
	return gzip_add(packing->gzip, bytes, count, err);
}

static bool run_packing(struct packing *packing, int dir, struct error *err)
{
	autoclose int diff = openat(dir, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int split = openat(dir, LAYOUT_SPLIT, O_RDONLY | O_CLOEXEC);
	const struct split_sink to_gzip = { on_plain, packing };

	if (diff < 0 || split < 0)
		return error_sys(err, "open its files");
	return split_join(split, diff, &to_gzip, err) && gzip_finish(packing->gzip, err);
}

static bool pack_layer(int dir, const struct digest *diff_id, int fd, struct descriptor *layer,
		       struct error *err)
{
	struct packing packing = { .fd = fd };
	const struct split_sink to_file = { on_packed, &packing };
	struct digest plain;

	hash_init(&packing.plain);
	hash_init(&packing.packed);
	packing.gzip = gzip_new(&to_file);
	bool is_good = run_packing(&packing, dir, err);

	hash_finish(&packing.plain, &plain);
	hash_finish(&packing.packed, &layer->digest);
	hash_done(&packing.plain);
	hash_done(&packing.packed);
	gzip_free(packing.gzip);
	layer->size = packing.size;
	layer->media_type = TYPE_LAYER "+gzip";
	if (is_good && !digest_is_equal(&plain, diff_id))
		return error_set(err, ERROR_CORRUPT,
				 "its files are not what they were: pull or load the image again");
	return is_good && rewind_file(fd, err);
}

/* docker's types are the OCI's under other names. */
static const char *oci_type(const char *type)
{
	if (strstr(type, "gzip"))
		return TYPE_LAYER "+gzip";
	return strstr(type, "zstd") ? TYPE_LAYER "+zstd" : TYPE_LAYER;
}

/* As it was pulled. */
static bool look_for_known(struct push *push, size_t i, enum fetch_look *found, struct error *err)
{
	const struct descriptor *known = push->known.layers ? &push->known.layers[i] : NULL;

	*found = FETCH_ABSENT;
	if (!known)
		return true;
	if (!fetcher_look(&push->fetcher, push->text, &known->digest, push->from, found, err))
		return false;
	push->layers[i] = *known;
	push->layers[i].media_type = oci_type(known->media_type);
	return true;
}

/* A layer being sent. */
struct sending {
	const struct digest *diff_id;
	int64_t size;
};

static void on_sent(void *context, int64_t bytes)
{
	const struct sending *sending = context;

	report_layer(sending->diff_id, LAYER_DOWNLOADING, bytes, sending->size);
}

static bool send_layer(struct push *push, size_t i, int fd, struct error *err)
{
	const struct digest *diff_id = &push->image.image.diff_ids[i];
	const struct descriptor *layer = &push->layers[i];
	struct sending sending = { diff_id, layer->size };

	on_sent(&sending, 0);
	return fetcher_push_blob(&push->fetcher,
				 &(struct fetch_push){ .reference = push->text,
						       .digest = &layer->digest,
						       .size = layer->size,
						       .body = fd,
						       .on_sent = on_sent,
						       .context = &sending },
				 err);
}

static bool push_made(struct push *push, size_t i, enum fetch_look *found, struct error *err)
{
	struct descriptor *layer = &push->layers[i];
	autoclose int fd = -1;

	return open_nameless(push, &fd, err) &&
	       pack_layer(push->image.layers[i], &push->image.image.diff_ids[i], fd, layer, err) &&
	       fetcher_look(&push->fetcher, push->text, &layer->digest, push->from, found, err) &&
	       (*found != FETCH_ABSENT || send_layer(push, i, fd, err));
}

static bool hash_file(int fd, struct digest *digest)
{
	char block[65536];
	struct hash hash;
	ssize_t got;

	hash_init(&hash);
	while ((got = read(fd, block, sizeof(block))) > 0)
		hash_add(&hash, block, (size_t)got);
	hash_finish(&hash, digest);
	hash_done(&hash);
	return got == 0;
}

/* The blob that was kept when the layer was pulled, ready to be sent; -1: none, or it is damaged.
 */
static int open_kept(const struct push *push, size_t i)
{
	const struct descriptor *known = push->known.layers ? &push->known.layers[i] : NULL;
	autoclose int fd = -1;
	struct digest got;
	struct error ignored;

	if (known)
		fd = layer_open_kept(push->image.layers[i], &push->image.infos[i], &known->digest);
	if (fd < 0 || !hash_file(fd, &got) || !digest_is_equal(&got, &known->digest) ||
	    !rewind_file(fd, &ignored))
		return -1;
	return take_fd(&fd);
}

static bool push_missing(struct push *push, size_t i, enum fetch_look *found, struct error *err)
{
	autoclose int kept = open_kept(push, i);

	if (kept >= 0)
		return send_layer(push, i, kept, err);
	push->is_original = false;
	return push_made(push, i, found, err);
}

static bool push_layer(struct push *push, size_t i, struct error *err)
{
	const struct digest *diff_id = &push->image.image.diff_ids[i];
	int64_t size;
	enum fetch_look found;

	if (!look_for_known(push, i, &found, err) ||
	    (found == FETCH_ABSENT && !push_missing(push, i, &found, err)))
		return false;
	size = push->layers[i].size;
	if (found == FETCH_MOUNTED)
		report_mounted(diff_id, push->from);
	else
		report_layer(diff_id, found == FETCH_THERE ? LAYER_EXISTS : LAYER_DONE, size, size);
	return true;
}

static bool push_layers(struct push *push, struct error *err)
{
	const struct store_image *image = &push->image.image;

	push->layers = arena_array(&push->arena, image->layer_count + 1, sizeof(*push->layers));
	for (size_t i = 0; i < image->layer_count; i++)
		report_layer(&image->diff_ids[i], LAYER_WAITING, 0, 0);
	for (size_t i = 0; i < image->layer_count; i++)
		if (!push_layer(push, i, err))
			return error_in(err, "layer %.12s", digest_hex(&image->diff_ids[i]));
	return true;
}

/* -- documents ----------------------------------------------------------------------------------
 */

/* The first question: a registry that does not answer has no layer packed for it. */
static bool look_for_config(struct push *push, struct error *err)
{
	return fetcher_look(&push->fetcher, push->text, &push->image.image.id, push->from,
			    &push->config_found, err);
}

static bool push_config(struct push *push, struct error *err)
{
	const struct buf *text = &push->image.config;
	const struct digest *id = &push->image.image.id;
	autoclose int fd = -1;

	if (push->config_found != FETCH_ABSENT)
		return true;
	return open_nameless(push, &fd, err) &&
	       file_write(fd, "the configuration", text->data, text->length, err) &&
	       rewind_file(fd, err) &&
	       fetcher_push_blob(&push->fetcher,
				 &(struct fetch_push){ .reference = push->text,
						       .digest = id,
						       .size = (int64_t)text->length,
						       .body = fd },
				 err);
}

static void print_descriptor(struct jsonout *out, const char *key, const char *type,
			     const struct digest *digest, int64_t size)
{
	jsonout_object(out, key);
	jsonout_text(out, "mediaType", type);
	jsonout_text(out, "digest", digest->text);
	jsonout_int(out, "size", size);
	jsonout_object_end(out);
}

static bool make_manifest(const struct push *push, struct buf *text, struct error *err)
{
	const struct store_image *image = &push->image.image;
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "schemaVersion", 2);
	jsonout_text(&out, "mediaType", OCI "manifest.v1+json");
	print_descriptor(&out, "config", OCI "config.v1+json", &image->id,
			 (int64_t)push->image.config.length);
	jsonout_array(&out, "layers");
	for (size_t i = 0; i < image->layer_count; i++)
		print_descriptor(&out, NULL, push->layers[i].media_type, &push->layers[i].digest,
				 push->layers[i].size);
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(text, "manifest", err);
}

static bool send_manifest(struct push *push, const struct buf *text, const char *type,
			  struct error *err)
{
	autoclose int fd = -1;

	hash_digest(text->data, text->length, &push->sent);
	if (!open_nameless(push, &fd, err) ||
	    !file_write(fd, "the manifest", text->data, text->length, err) ||
	    !rewind_file(fd, err) ||
	    !fetcher_push_manifest(&push->fetcher, push->text, type, (int64_t)text->length, fd,
				   err))
		return false;
	report_pushed(&push->sent, (int64_t)text->length);
	return true;
}

/* What it says of itself; the OCI's may keep silent. */
static const char *original_type(struct push *push)
{
	const char *type = OCI "manifest.v1+json";
	const struct json *root;
	struct error ignored;

	if (!json_parse(&push->arena, "manifest", push->original.data, push->original.length, &root,
			&ignored) ||
	    !json_text_or(root, "mediaType", type, &type, &ignored))
		return OCI "manifest.v1+json";
	return type;
}

static bool push_manifest(struct push *push, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (push->is_original)
		return send_manifest(push, &push->original, original_type(push), err);
	return make_manifest(push, &text, err) &&
	       send_manifest(push, &text, OCI "manifest.v1+json", err);
}

/* What the registry calls it is a name of the image from now on, as after a pull. Whoever removed
 * the image meanwhile wants none of its names back. */
static bool name_by_digest(struct push *push, struct error *err)
{
	autofree char *repository = reference_name(&push->reference);
	autofree char *by_digest = mem_printf("%s@%s", repository, push->sent.text);
	const struct digest *id = &push->image.image.id;
	autoclose int lock = -1;
	struct names names;
	struct store_image image;

	if (!store_lock(push->store, true, &lock, err) ||
	    !names_read(push->store, &push->arena, &names, err))
		return false;

	const struct name *known = names_find(&names, by_digest);

	if (known && digest_is_equal(&known->id, id))
		return true;
	if (!record_read(push->store, &push->arena, id, &names, &image, err))
		return err->kind == ERROR_NOT_FOUND;
	names_set(&names, by_digest, id);
	return names_write(push->store, &names, err);
}

/* -- all of it ----------------------------------------------------------------------------------
 */

static bool push_all(struct push *push, const char *name, struct error *err)
{
	if (!reference_parse(&push->reference, name, err) || !find_image(push, name, err))
		return false;
	if (!digest_is_empty(&push->reference.digest))
		return error_set(err, ERROR_INPUT, "cannot push a digest reference");
	push->text = reference_text(&push->reference);
	find_source(push);
	read_original(push);
	return look_for_config(push, err) && push_layers(push, err) && push_config(push, err) &&
	       push_manifest(push, err) && name_by_digest(push, err);
}

bool unpack_push(const struct store *store, int fetch, const char *name, struct error *err)
{
	struct push push = { .store = store, .fetcher = { .socket = fetch } };
	bool is_good = push_all(&push, name, err);

	held_close(&push.image);
	buf_done(&push.original);
	free(push.text);
	fetcher_done(&push.fetcher);
	arena_done(&push.arena);
	return is_good;
}
