/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker rmi. Order: names first, then the record, then blobs and layers: a crash in between leaves
 * an image without a name, or rubbish that prune finds, never an image without its layers.
 */
#include "image/store.h"

#include <stdio.h>
#include <string.h>

#include "image/lookup.h"
#include "image/names.h"
#include "image/record.h"
#include "image/sweep.h"
#include "registry/reference.h"

struct request {
	const char *typed; /* the name, as messages repeat it */
	const struct store *store;
	struct arena *arena;
	bool is_forced;
	struct names names;
	struct match match;
	struct store_image image;
	const struct store_usage *usage; /* NULL: nobody uses any */
	bool is_used;
	struct store_user user;
};

/* -- what goes ----------------------------------------------------------------------------------
 */

/* "docker.io/library/redis:7" and "docker.io/library/redis@sha256:…" are one repository. */
static bool is_same_repository(const char *a, const char *b)
{
	struct reference left, right;
	struct error ignored;

	return reference_parse_bare(&left, a, &ignored) &&
	       reference_parse_bare(&right, b, &ignored) &&
	       strcmp(left.domain, right.domain) == 0 && strcmp(left.path, right.path) == 0;
}

static void untag(struct request *request, const char *name, struct store_removal *removal)
{
	struct reference reference;
	struct error ignored;
	autofree char *familiar = NULL;

	if (reference_parse_bare(&reference, name, &ignored))
		familiar = reference_familiar(&reference);
	texts_add(&removal->untagged, arena_strdup(request->arena, familiar ? familiar : name));
	names_remove(&request->names, name);
}

static bool has_other_tag(const struct store_image *image, const char *name)
{
	for (size_t i = 0; i < image->name_count; i++)
		if (strcmp(image->names[i], name) != 0 && is_same_repository(image->names[i], name))
			return true;
	return false;
}

/* With the last tag of a repository the digests it was pulled by go too. */
static size_t untag_one(struct request *request, const char *name, struct store_removal *removal)
{
	const struct store_image *image = &request->image;
	size_t left = image->name_count + image->digest_count - 1;
	bool is_last = name_is_tag(name) && !has_other_tag(image, name);

	untag(request, name, removal);
	for (size_t i = 0; is_last && i < image->digest_count; i++) {
		if (!is_same_repository(image->digests[i], name))
			continue;
		untag(request, image->digests[i], removal);
		left--;
	}
	return left;
}

static void untag_all(struct request *request, struct store_removal *removal)
{
	const struct store_image *image = &request->image;

	for (size_t i = 0; i < image->name_count; i++)
		untag(request, image->names[i], removal);
	for (size_t i = 0; i < image->digest_count; i++)
		untag(request, image->digests[i], removal);
}

/* -- may it go? ---------------------------------------------------------------------------------
 */

static bool conflict(const struct request *request, const char *remedy, const char *why,
		     struct error *err)
{
	return error_set(err, ERROR_EXISTS, "conflict: unable to delete %.12s (%s) - image is %s",
			 digest_hex(&request->image.id), remedy, why);
}

/* While nobody can tell, the image stays: a container may run from it. */
static bool find_user(struct request *request, struct error *err)
{
	const struct store_usage *usage = request->usage;

	if (usage && !usage->find(usage->context, &request->image.id, &request->user, err))
		return false;
	request->is_used = request->user.container[0];
	return true;
}

static bool may_remove_id(const struct request *request, struct error *err)
{
	char why[64];

	snprintf(why, sizeof(why), "being used by %s container %s",
		 request->user.is_running ? "running" : "stopped", request->user.container);
	if (request->is_used && request->user.is_running)
		return conflict(request, "cannot be forced", why, err);
	if (request->is_forced)
		return true;
	if (request->image.name_count > 1)
		return conflict(request, "must be forced", "referenced in multiple repositories",
				err);
	return request->is_used ? conflict(request, "must be forced", why, err) : true;
}

static bool may_remove_last_name(const struct request *request, struct error *err)
{
	return !request->is_used || request->is_forced ||
	       error_set(err, ERROR_EXISTS,
			 "conflict: unable to remove repository reference \"%s\" (must force) - "
			 "container %s is using its referenced image %.12s",
			 request->typed, request->user.container, digest_hex(&request->image.id));
}

/* -- doing it -----------------------------------------------------------------------------------
 */

/* The record, its blobs, and layers that no other image has. */
static bool delete_image(struct request *request, struct store_removal *removal, struct error *err)
{
	const struct store *store = request->store;
	const struct store_image *image = &request->image;
	struct reach reach;

	if (!record_remove(store, &image->id, err) ||
	    !reach_read(store, request->arena, &reach, err) ||
	    !sweep_blob(store, &reach, &image->id, err) ||
	    !sweep_blob(store, &reach, &image->manifest, err))
		return false;
	texts_add(&removal->deleted, arena_strdup(request->arena, image->id.text));
	for (size_t i = 0; i < image->digest_count; i++) {
		struct digest index; /* or the manifest once more */

		if (name_digest(image->digests[i], &index) &&
		    !sweep_blob(store, &reach, &index, err))
			return false;
	}
	for (size_t i = image->layer_count; i-- > 0;) {
		bool is_gone;

		if (!sweep_layer(store, &reach, &image->chains[i], &is_gone, &removal->bytes, err))
			return false;
		if (is_gone)
			texts_add(&removal->deleted,
				  arena_strdup(request->arena, image->chains[i].text));
	}
	return true;
}

static bool remove_locked(struct request *request, struct store_removal *removal, struct error *err)
{
	size_t left = 0;

	if (!request->match.name) {
		if (!find_user(request, err) || !may_remove_id(request, err))
			return false;
		untag_all(request, removal);
	} else {
		left = untag_one(request, request->match.name, removal);
		if (left == 0 && (!find_user(request, err) || !may_remove_last_name(request, err)))
			return false;
	}
	if (removal->untagged.count > 0 && !names_write_fewer(request->store, &request->names, err))
		return false;
	return left > 0 || request->is_used || delete_image(request, removal, err);
}

bool store_remove(const struct store *store, struct arena *arena, const char *name, bool is_forced,
		  const struct store_usage *usage, struct store_removal *removal, struct error *err)
{
	struct request request = { .store = store,
				   .arena = arena,
				   .typed = name,
				   .is_forced = is_forced,
				   .usage = usage };
	autoclose int lock = -1;

	if (!store_lock(store, true, &lock, err) ||
	    !names_read(store, arena, &request.names, err) ||
	    !lookup_name(store, arena, &request.names, name, &request.match, err) ||
	    !record_read(store, arena, &request.match.id, &request.names, &request.image, err))
		return false;
	if (!remove_locked(&request, removal, err))
		return false;
	mem_cleanup_close(&lock);
	lock = -1;
	return sweep_staging(store, false, NULL,
			     err); /* deleting takes its time: nobody waits for it */
}

void store_removal_done(struct store_removal *removal)
{
	texts_done(&removal->untagged);
	texts_done(&removal->deleted);
	*removal = (struct store_removal){ 0 };
}
