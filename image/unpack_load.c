/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker load: what the archive's documents say, and which member is which layer. manifest.json
 * (docker save, and everyone who imitates it) is preferred to index.json (an OCI layout): docker's
 * own archives have both, and their index may name images that are not there. But containerd, and
 * docker on top of it, describe in manifest.json the image for the writer's machine alone; ours may
 * be in the index.
 */
#include "image/unpack.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "image/config.h"
#include "image/manifest.h"
#include "image/publish.h"
#include "image/report.h"
#include "image/room.h"
#include "image/tarball.h"
#include "registry/reference.h"

/* One image of the archive, whichever document described it. */
struct found {
	struct tarball_member *config;
	struct tarball_member *layers[LIMIT_LAYERS];
	struct digest
		blobs[LIMIT_LAYERS]; /* what the layers' bytes must hash to; empty: not said */
	size_t layer_count;
	const struct tarball_member *manifest; /* NULL if there is none */
	const char *const *names;              /* as they stand in the archive */
	size_t name_count;
};

struct load {
	const struct store *store;
	struct tarball tarball;
	struct remote remote; /* where it lies, if in a bucket */
	struct arena arena;
	struct platform platform;
	bool is_chosen; /* the platform: an image of another one is refused */
	size_t images;
	struct error nothing; /* why there were none */
};

/* -- one image ----------------------------------------------------------------------------------
 */

struct running {
	struct stage *stage; /* NULL: none */
	size_t index;
};

static bool finish_layer(struct load *load, const struct found *found, struct draft *draft,
			 struct running *running, struct error *err)
{
	struct stage *stage = take_pointer(&running->stage);
	const struct draft_layer *layer = &draft->layers[running->index];
	const struct digest *blob = &found->blobs[running->index];

	/* What was unpacked in passing, or copied, has finished already. */
	bool is_good = stage->writer.result < 0 || tarball_finish(&load->tarball, stage, err);

	if (is_good && !digest_is_equal(&stage->diff_id, &layer->diff_id))
		is_good = error_set(err, ERROR_CORRUPT,
				    "invalid diffID for layer %zu: expected \"%s\", got \"%s\"",
				    running->index + 1, layer->diff_id.text, stage->diff_id.text);
	if (is_good && !digest_is_empty(blob) && !digest_is_equal(blob, &stage->blob_digest))
		is_good = error_set(err, ERROR_CORRUPT, "verification failed for digest %s",
				    blob->text);
	if (!is_good) {
		stage_free(stage);
		return error_in(err, "layer %zu of %zu", running->index + 1, draft->layer_count);
	}
	report_layer(&layer->diff_id, LAYER_DONE, stage->bytes, stage->bytes);
	return draft_add_layer(draft, running->index, stage, err);
}

/* Of those that are not unpacked yet. A compressed one takes more: this much is certain. */
static bool check_room(const struct load *load, const struct found *found,
		       const struct draft *draft, struct error *err)
{
	int64_t wanted = 0;

	for (size_t i = 0; i < draft->layer_count; i++)
		if (draft->layers[i].dir < 0 && !found->layers[i]->stage &&
		    !found->layers[i]->model)
			wanted += found->layers[i]->size;
	return wanted == 0 || room_check(load->store, wanted, err);
}

/* The next layer is started before the last one is waited for: two at once. */
static bool unpack_layers(struct load *load, const struct found *found, struct draft *draft,
			  struct error *err)
{
	struct running running = { 0 };
	bool is_good = true;

	for (size_t i = 0; is_good && i < draft->layer_count; i++) {
		struct running next = { .index = i };

		if (draft->layers[i].dir >= 0) {
			report_layer(&draft->layers[i].diff_id, LAYER_EXISTS, 0, 0);
			continue;
		}
		/* What was finished before goes to the disk while the next layer is unpacked. */
		is_good = tarball_unpack(&load->tarball, found->layers[i], &draft->layers[i].chain,
					 &next.stage, err) &&
			  draft_settle(draft, err);
		if (is_good && running.stage)
			is_good = finish_layer(load, found, draft, &running, err);
		stage_free(running.stage);
		running = next;
	}
	if (is_good && running.stage)
		is_good = finish_layer(load, found, draft, &running, err);
	stage_free(running.stage);
	return is_good;
}

/* Names from an archive are only names: never a digest, which would claim to be another's content.
 */
static bool normalise_names(struct load *load, const struct found *found, const char ***names,
			    struct error *err)
{
	*names = arena_array(&load->arena, found->name_count + 1, sizeof(**names));
	for (size_t i = 0; i < found->name_count; i++) {
		struct reference reference;

		if (!reference_parse(&reference, found->names[i], err))
			return error_in(err, "name %.300s in the archive", found->names[i]);
		if (!digest_is_empty(&reference.digest))
			return error_set(err, ERROR_INPUT, "name %.300s in the archive is a digest",
					 found->names[i]);

		autofree char *text = reference_text(&reference);
		autofree char *familiar = reference_familiar(&reference);

		if (strncmp(familiar, "sha256:", 7) == 0)
			return error_set(err, ERROR_INPUT,
					 "name %.300s in the archive looks like an image's ID",
					 found->names[i]);
		(*names)[i] = arena_strdup(&load->arena, text);
	}
	return true;
}

static bool publish(struct load *load, const struct found *found, struct draft *draft,
		    struct error *err)
{
	struct publication publication = { .config = found->config->document,
					   .config_length = (size_t)found->config->size,
					   .name_count = found->name_count };
	const char **names;
	bool is_new;

	if (found->manifest) {
		publication.manifest = found->manifest->document;
		publication.manifest_length = (size_t)found->manifest->size;
	}
	if (!normalise_names(load, found, &names, err))
		return false;
	publication.names = names;

	struct name_change *changes =
		arena_array(&load->arena, found->name_count + 1, sizeof(*changes));

	if (!draft_publish(draft, &publication, changes, &is_new, err))
		return false;
	for (size_t i = 0; i < found->name_count; i++)
		report_image(&draft->id, names[i], &changes[i].before, is_new);
	if (found->name_count == 0)
		report_image(&draft->id, NULL, NULL, is_new);
	load->images++;
	return true;
}

/* Only what was asked for by --platform is insisted on. */
static bool check_platform(const struct load *load, const struct image_config *config,
			   struct error *err)
{
	struct platform own;

	platform_set(&own, config->os, config->architecture, config->variant);
	if (!load->is_chosen || platform_rank(&load->platform, &own) >= 0)
		return true;

	autofree char *wanted = platform_text(&load->platform);
	autofree char *has = platform_text(&own);

	return error_set(
		err, ERROR_NOT_FOUND,
		"the archive does not provide the specified platform (%s): its image is for "
		"%s",
		wanted, has);
}

static bool load_image(struct load *load, const struct found *found, struct error *err)
{
	autofree struct draft *draft = mem_alloc(sizeof(*draft));
	bool is_good = draft_open(load->store, found->config->document, (size_t)found->config->size,
				  draft, err);

	is_good = is_good && check_platform(load, &draft->config, err);
	if (is_good && draft->layer_count != found->layer_count)
		is_good =
			error_set(err, ERROR_CORRUPT,
				  "invalid manifest, layers length mismatch: expected %zu, got %zu",
				  draft->layer_count, found->layer_count);
	is_good = is_good && check_room(load, found, draft, err) &&
		  unpack_layers(load, found, draft, err) && publish(load, found, draft, err);
	draft_close(draft);
	return is_good;
}

/* -- manifest.json ------------------------------------------------------------------------------
 */

static bool find_document(struct load *load, const char *name, struct tarball_member **member,
			  struct error *err)
{
	*member = tarball_find(&load->tarball, name);
	if (!*member)
		return error_set(err, ERROR_CORRUPT, "open %.300s: no such file or directory",
				 name);
	return (*member)->document ||
	       error_set(err, ERROR_CORRUPT, "%.300s: not a JSON document", name);
}

static bool load_saved(struct load *load, const struct saved_image *image, struct error *err)
{
	autofree struct found *found = mem_alloc(sizeof(*found));

	if (image->layer_count > LIMIT_LAYERS)
		return error_set(err, ERROR_INPUT, "image has %zu layers, more than %d",
				 image->layer_count, LIMIT_LAYERS);
	if (!find_document(load, image->config, &found->config, err))
		return false;
	for (size_t i = 0; i < image->layer_count; i++) {
		found->layers[i] = tarball_find(&load->tarball, image->layers[i]);
		if (!found->layers[i])
			return error_set(err, ERROR_CORRUPT,
					 "open %.300s: no such file or directory",
					 image->layers[i]);
	}
	found->layer_count = image->layer_count;
	found->names = image->names;
	found->name_count = image->name_count;
	return load_image(load, found, err);
}

static bool load_docker(struct load *load, const struct tarball_member *document, struct error *err)
{
	struct saved_image *images;
	size_t count;

	if (!manifest_parse_saved(&load->arena, document->document, (size_t)document->size, &images,
				  &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!load_saved(load, &images[i], err))
			return false;
	return true;
}

/* -- index.json, and what it leads to
 * ---------------------------------------------------------------------------------
 */

static struct tarball_member *find_blob(struct load *load, const struct digest *digest)
{
	char name[128];

	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(digest));

	struct tarball_member *member = tarball_find(&load->tarball, name);

	return member ? member : tarball_find(&load->tarball, digest_hex(digest));
}

static bool check_size(const struct tarball_member *member, const struct descriptor *descriptor,
		       struct error *err)
{
	return member->size == descriptor->size ||
	       error_set(err, ERROR_CORRUPT, "%s has %lld bytes, not the %lld of its descriptor",
			 descriptor->digest.text, (long long)member->size,
			 (long long)descriptor->size);
}

/* A document of the layout, its digest checked; NULL if it is of another platform and left out. */
static bool find_checked(struct load *load, const struct descriptor *descriptor,
			 struct tarball_member **member, struct error *err)
{
	struct digest digest;

	*member = find_blob(load, &descriptor->digest);
	if (!*member)
		return true;
	if (!(*member)->document)
		return error_set(err, ERROR_CORRUPT, "%s: not a JSON document",
				 descriptor->digest.text);
	hash_digest((*member)->document, (size_t)(*member)->size, &digest);
	if (!digest_is_equal(&digest, &descriptor->digest))
		return error_set(err, ERROR_CORRUPT, "verification failed for digest %s",
				 descriptor->digest.text);
	return check_size(*member, descriptor, err);
}

/* "v1" alone is a tag without a name: podman's archives have whole names here. */
static const char *usable_name(const char *name)
{
	return name && strpbrk(name, ":/") ? name : NULL;
}

static bool load_manifest(struct load *load, const struct tarball_member *document,
			  const struct manifest *manifest, const char *name, struct error *err)
{
	autofree struct found *found = mem_alloc(sizeof(*found));
	const char *names[] = { usable_name(name) };

	if (!find_checked(load, &manifest->config, &found->config, err))
		return false;
	if (!found->config)
		return error_set(err, ERROR_CORRUPT, "the layout lacks the configuration %s",
				 manifest->config.digest.text);
	for (size_t i = 0; i < manifest->layer_count; i++) {
		found->blobs[i] = manifest->layers[i].digest;
		found->layers[i] = find_blob(load, &found->blobs[i]);
		if (!found->layers[i])
			return error_set(err, ERROR_CORRUPT, "the layout lacks the layer %s",
					 found->blobs[i].text);
		if (!check_size(found->layers[i], &manifest->layers[i], err))
			return false;
	}
	found->layer_count = manifest->layer_count;
	found->manifest = document;
	found->names = names;
	found->name_count = names[0] ? 1 : 0;
	return load_image(load, found, err);
}

static bool load_entry(struct load *load, const struct descriptor *entry, const char *name,
		       int depth, struct error *err);

/* An index inside the layout's index is one image for several platforms: one of them is ours. */
static bool load_platform(struct load *load, const struct manifest *index, const char *name,
			  int depth, struct error *err)
{
	const struct descriptor *chosen;

	return manifest_choose(index, &load->platform, &chosen, err) &&
	       load_entry(load, chosen, name, depth + 1, err);
}

/* What is no image may lie beside one: signatures and attestations, which have no name. */
static bool pass_over(struct load *load, const char *name, int depth, const struct error *err)
{
	if (depth > 0 || usable_name(name) || err->kind != ERROR_UNSUPPORTED)
		return false;
	load->nothing = *err;
	return true;
}

static bool load_entry(struct load *load, const struct descriptor *entry, const char *name,
		       int depth, struct error *err)
{
	autoarena struct arena arena = { 0 }; /* a document may be named a thousand times */
	struct tarball_member *document;
	struct manifest manifest;

	if (depth > LIMIT_INDEX_DEPTH)
		return error_set(err, ERROR_INPUT, "indexes are nested more than %d deep",
				 LIMIT_INDEX_DEPTH);
	if (!find_checked(load, entry, &document, err))
		return false;
	if (!document)
		return true; /* of another platform, and left out */
	if (!manifest_parse(&arena, document->document, (size_t)document->size, entry->media_type,
			    &manifest, err)) {
		error_in(err, "%s", entry->digest.text);
		return pass_over(load, name, depth, err);
	}
	if (manifest.kind == MANIFEST_INDEX)
		return load_platform(load, &manifest, name, depth, err);
	return load_manifest(load, document, &manifest, name, err);
}

/* -1: not for this machine. */
static int rank_of(const struct load *load, const struct descriptor *entry)
{
	return entry->has_platform ? platform_rank(&load->platform, &entry->platform) : -1;
}

static bool is_same_name(const char *one, const char *other)
{
	return one == other || (one && other && strcmp(one, other) == 0);
}

/* Some writers list the platforms of one image side by side, each with its name: then the one to
 * run here has it, not the last. `is_there`: which entries' documents are in the archive. */
static bool is_second_best(const struct load *load, const struct manifest *index, size_t place,
			   const bool *is_there)
{
	const struct descriptor *entry = &index->entries[place];
	int own = rank_of(load, entry);

	for (size_t i = 0; entry->has_platform && i < index->entry_count; i++) {
		int other = is_there[i] ? rank_of(load, &index->entries[i]) : -1;

		if (other >= 0 && (own < 0 || other < own) &&
		    is_same_name(index->entries[i].name, entry->name))
			return true;
	}
	return false;
}

static bool load_layout(struct load *load, const struct tarball_member *document, struct error *err)
{
	const struct tarball_member *mark = tarball_find(&load->tarball, "oci-layout");
	struct manifest index;

	if (mark && mark->document &&
	    !manifest_check_layout(mark->document, (size_t)mark->size, err))
		return false;
	if (!manifest_parse(&load->arena, document->document, (size_t)document->size, NULL, &index,
			    err))
		return error_in(err, "index.json");
	if (index.kind != MANIFEST_INDEX)
		return error_set(err, ERROR_CORRUPT, "index.json is not an index");

	bool *is_there = arena_array(&load->arena, index.entry_count + 1, sizeof(*is_there));

	for (size_t i = 0; i < index.entry_count; i++)
		is_there[i] = find_blob(load, &index.entries[i].digest) != NULL;
	error_set(&load->nothing, ERROR_NOT_FOUND, "the archive holds no image for this machine");
	for (size_t i = 0; i < index.entry_count; i++)
		if (!is_second_best(load, &index, i, is_there) &&
		    !load_entry(load, &index.entries[i], index.entries[i].name, 0, err))
			return false;
	*err = load->nothing;
	return load->images > 0;
}

/* -- the archive --------------------------------------------------------------------------------
 */

/* podman's docker-dir: the image's manifest as a registry has it, its blobs beside it. */
static bool load_bare(struct load *load, const struct tarball_member *document, struct error *err)
{
	struct manifest manifest;

	if (!manifest_parse(&load->arena, document->document, (size_t)document->size, NULL,
			    &manifest, err))
		return error_in(err, "manifest.json");
	if (manifest.kind == MANIFEST_INDEX)
		return error_set(err, ERROR_CORRUPT, "manifest.json is an index");
	return load_manifest(load, document, &manifest, NULL, err);
}

static bool is_bare(const struct tarball_member *member)
{
	return member->document[strspn(member->document, " \t\r\n")] == '{' &&
	       strstr(member->document, "\"schemaVersion\"");
}

/* A configuration that can be read, of an image for this machine; one that does not say for which
 * is for all. */
static bool is_ours(struct load *load, const struct tarball_member *config)
{
	autoarena struct arena arena = { 0 };
	struct image_config own;
	struct platform platform;
	const struct json *root;
	struct error ignored;

	if (!config || !config->document ||
	    !json_parse_at_most(&arena, config->name, config->document, (size_t)config->size,
				LIMIT_CONFIG_VALUES, &root, &ignored) ||
	    !image_config_parse(&arena, root, &own, &ignored))
		return false;
	platform_set(&platform, own.os, own.architecture, own.variant);
	return !own.os[0] || platform_rank(&load->platform, &platform) >= 0;
}

/* Does manifest.json describe images for this machine, of which all is there? */
static bool is_saved_good(struct load *load, const struct tarball_member *saved)
{
	struct saved_image *images;
	struct error ignored;
	size_t count;

	if (!manifest_parse_saved(&load->arena, saved->document, (size_t)saved->size, &images,
				  &count, &ignored))
		return true; /* its own error is the one to tell */
	for (size_t i = 0; i < count; i++) {
		if (!is_ours(load, tarball_find(&load->tarball, images[i].config)))
			return false;
		for (size_t j = 0; j < images[i].layer_count; j++)
			if (!tarball_find(&load->tarball, images[i].layers[j]))
				return false;
	}
	return true;
}

/* Does this entry of a layout lead to an image for this machine, of which all is there? */
static bool is_entry_good(struct load *load, const struct descriptor *entry, int depth)
{
	const struct tarball_member *document = find_blob(load, &entry->digest);
	autoarena struct arena arena = { 0 };
	const struct descriptor *chosen;
	struct manifest manifest;
	struct error ignored;

	if (!document || !document->document || depth > LIMIT_INDEX_DEPTH ||
	    !manifest_parse(&arena, document->document, (size_t)document->size, entry->media_type,
			    &manifest, &ignored))
		return false;
	if (manifest.kind == MANIFEST_INDEX)
		return manifest_choose(&manifest, &load->platform, &chosen, &ignored) &&
		       is_entry_good(load, chosen, depth + 1);
	for (size_t i = 0; i < manifest.layer_count; i++)
		if (!find_blob(load, &manifest.layers[i].digest))
			return false;
	return is_ours(load, find_blob(load, &manifest.config.digest));
}

static bool is_layout_good(struct load *load, const struct tarball_member *layout)
{
	struct manifest index;
	struct error ignored;

	if (!manifest_parse(&load->arena, layout->document, (size_t)layout->size, NULL, &index,
			    &ignored))
		return false;
	for (size_t i = 0; i < index.entry_count; i++)
		if (is_entry_good(load, &index.entries[i], 0))
			return true;
	return false;
}

static bool load_documents(struct load *load, struct error *err)
{
	const struct tarball_member *saved = tarball_find(&load->tarball, "manifest.json");
	const struct tarball_member *layout = tarball_find(&load->tarball, "index.json");

	if (saved && saved->document && is_bare(saved))
		return load_bare(load, saved, err);
	if (layout && layout->document &&
	    (!saved || !saved->document ||
	     (!is_saved_good(load, saved) && is_layout_good(load, layout))))
		return load_layout(load, layout, err);
	if (saved && saved->document)
		return load_docker(load, saved, err);
	if (tarball_find(&load->tarball, "repositories"))
		return error_set(err, ERROR_UNSUPPORTED,
				 "the archive was made by docker before 1.10: save it again with a "
				 "later one");
	return error_set(err, ERROR_INPUT,
			 "open manifest.json: no such file or directory: this is no archive of "
			 "images");
}

static bool open_archive(struct load *load, const struct unpack_load *what, struct error *err)
{
	if (what->object)
		return remote_open(&load->remote, what->fetch, what->object, err) &&
		       tarball_open_remote(load->store, &load->remote, &load->tarball, err);
	return tarball_open(load->store, what->fd, &load->tarball, err) ||
	       error_in(err, "Error processing tar file");
}

bool unpack_load(const struct store *store, const struct unpack_load *what, struct error *err)
{
	struct load load = { .store = store, .is_chosen = what->platform != NULL };

	platform_host(&load.platform);
	if (what->platform && !platform_parse(&load.platform, what->platform, err))
		return false;
	if (!open_archive(&load, what, err))
		return false;

	bool is_good = load_documents(&load, err);

	tarball_close(&load.tarball);
	fetcher_done(&load.remote.fetcher);
	arena_done(&load.arena);
	return is_good;
}
