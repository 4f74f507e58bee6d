/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/shadow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/path.h"
#include "lifecycle/ipc/shadowstate.h"

#define FILE_MAX 65536
#define SUFFIX   ".json"

/* What a file holds. */
struct shadow {
	const struct json *state, *metadata; /* objects with desired, reported; NULL: none */
	int64_t version;                     /* 0: there never was one */
	int64_t timestamp;                   /* seconds */
	bool is_deleted;
};

static int64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* -- names --------------------------------------------------------------------------------------
 */

static bool is_name(const char *text, size_t most)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-";

	return strlen(text) <= most && strspn(text, allowed) == strlen(text);
}

bool shadow_check(const struct shadow_id *id, struct error *err)
{
	if (!*id->thing || !is_name(id->thing, SHADOW_THING_MAX))
		return error_set(err, ERROR_INPUT,
				 "thingName \"%.200s\": 1 to %d of a-z, A-Z, 0-9, ':', '_', '-'",
				 id->thing, SHADOW_THING_MAX);
	if (!is_name(id->name, SHADOW_NAME_MAX))
		return error_set(err, ERROR_INPUT,
				 "shadowName \"%.200s\": up to %d of a-z, A-Z, 0-9, ':', '_', '-'",
				 id->name, SHADOW_NAME_MAX);
	return true;
}

static bool not_found(const struct shadow_id *id, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "No shadow exists with name: '%s'",
			 *id->name ? id->name : id->thing);
}

/* -- files --------------------------------------------------------------------------------------
 */

static bool open_thing(const struct shadow_id *id, bool is_made, int *fd, struct error *err)
{
	autofree char *path = mem_printf("%s/shadows/%s", id->data, id->thing);

	if (is_made && !path_make_own_dirs(path, 0700, err))
		return false;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0 && errno == ENOENT)
		return not_found(id, err);
	return *fd >= 0 || error_sys(err, "open %s", path);
}

static bool read_shadow(const struct shadow_id *id, int directory, struct arena *arena,
			struct shadow *shadow, struct error *err)
{
	char name[SHADOW_NAME_MAX + sizeof(SUFFIX)];
	autobuf struct buf text;
	const struct json *root;

	*shadow = (struct shadow){ 0 };
	buf_init(&text, FILE_MAX);
	snprintf(name, sizeof(name), "%s" SUFFIX, id->name);
	if (!file_read(directory, name, &text, err))
		return err->kind == ERROR_NOT_FOUND;
	return json_parse(arena, "shadow", text.data, text.length, &root, err) &&
	       json_object_or_null(root, "state", &shadow->state, err) &&
	       json_object_or_null(root, "metadata", &shadow->metadata, err) &&
	       json_int(root, "version", &shadow->version, err) &&
	       json_int(root, "timestamp", &shadow->timestamp, err) &&
	       json_bool_or(root, "deleted", false, &shadow->is_deleted, err);
}

static void put_tree(struct jsonout *out, const char *key, const struct json *tree)
{
	if (tree)
		jsonout_json(out, key, tree);
}

static bool write_shadow(const struct shadow_id *id, int directory, const struct shadow *shadow,
			 struct error *err)
{
	char name[SHADOW_NAME_MAX + sizeof(SUFFIX)];
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, FILE_MAX);
	snprintf(name, sizeof(name), "%s" SUFFIX, id->name);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	put_tree(&out, "state", shadow->state);
	put_tree(&out, "metadata", shadow->metadata);
	jsonout_int(&out, "version", shadow->version);
	jsonout_int(&out, "timestamp", shadow->timestamp);
	jsonout_bool(&out, "deleted", shadow->is_deleted);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&text, "the shadow", err) &&
	       file_replace(directory, name, text.data, text.length, 0600, FILE_DURABLE, err);
}

/* Entries of a directory that could be ours; -1: there is no such directory. */
static int count_entries(const char *path)
{
	autodir DIR *listing = opendir(path);
	const struct dirent *entry;
	int count = 0;

	if (!listing)
		return -1;
	while ((entry = readdir(listing)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	return count;
}

/* Called where a new shadow is about to be made. */
static bool check_room(const struct shadow_id *id, struct error *err)
{
	autofree char *all = mem_printf("%s/shadows", id->data);
	autofree char *own = mem_printf("%s/shadows/%s", id->data, id->thing);
	int count = count_entries(own);

	if (count >= SHADOWS_MAX)
		return error_set(err, ERROR_NO_SPACE, "%s has %d shadows, no more are kept",
				 id->thing, count);
	if (count < 0 && count_entries(all) >= SHADOW_THINGS_MAX)
		return error_set(err, ERROR_NO_SPACE, "shadows of %d things, no more are kept",
				 SHADOW_THINGS_MAX);
	return true;
}

/* -- documents ----------------------------------------------------------------------------------
 */

static const char *finish(struct jsonout *out, struct buf *text, struct arena *arena)
{
	jsonout_object_end(out);
	jsonout_done(out);
	return arena_strndup(arena, text->data, text->length);
}

static void begin(struct jsonout *out, struct buf *text)
{
	buf_init(text, 4 * FILE_MAX);
	jsonout_init(out, text, false);
	jsonout_object(out, NULL);
}

static void put_token(struct jsonout *out, const char *token)
{
	if (token)
		jsonout_text(out, "clientToken", token);
}

static const struct json *delta_of(struct arena *arena, const struct shadow *shadow)
{
	return shadowstate_delta(arena, json_get(shadow->state, "desired"),
				 json_get(shadow->state, "reported"));
}

bool shadow_get(const struct shadow_id *id, struct arena *arena, const char **document,
		struct error *err)
{
	autoclose int directory = -1;
	autobuf struct buf text;
	struct shadow shadow;
	struct jsonout out;

	begin(&out, &text);
	if (!open_thing(id, false, &directory, err) ||
	    !read_shadow(id, directory, arena, &shadow, err)) {
		jsonout_done(&out);
		return false;
	}
	if (shadow.version == 0 || shadow.is_deleted) {
		jsonout_done(&out);
		return not_found(id, err);
	}

	const struct json *delta = delta_of(arena, &shadow);

	jsonout_object(&out, "state");
	put_tree(&out, "desired", json_get(shadow.state, "desired"));
	put_tree(&out, "reported", json_get(shadow.state, "reported"));
	put_tree(&out, "delta", delta);
	jsonout_object_end(&out);
	put_tree(&out, "metadata", shadow.metadata);
	jsonout_int(&out, "version", shadow.version);
	jsonout_int(&out, "timestamp", now_seconds());
	*document = finish(&out, &text, arena);
	return true;
}

struct request {
	const struct json *state;
	const char *token; /* clientToken, or NULL */
	int64_t version;   /* 0: not said */
};

static bool read_request(struct request *request, const char *document, size_t length,
			 struct arena *arena, struct error *err)
{
	const struct json *root;

	if (length > SHADOW_DOCUMENT_MAX)
		return error_set(err, ERROR_INPUT, "the document has more than %d bytes",
				 SHADOW_DOCUMENT_MAX);
	if (!json_parse(arena, "payload", document, length, &root, err) ||
	    !json_object_or_null(root, "state", &request->state, err) ||
	    !json_text_or(root, "clientToken", NULL, &request->token, err) ||
	    !json_int_or(root, "version", 0, &request->version, err))
		return false;
	if (!request->state)
		return error_set(err, ERROR_INPUT, "payload: state is missing");
	for (const struct json *part = request->state->child; part; part = part->next) {
		if (strcmp(part->key, "desired") != 0 && strcmp(part->key, "reported") != 0)
			return json_wrong(part, err, "only desired and reported may be changed");
		if (part->type != JSON_OBJECT && part->type != JSON_NULL)
			return json_expected(part, "an object", err);
		if (shadowstate_depth(part) > SHADOW_DEPTH_MAX + 1)
			return json_wrong(part, err, "more than %d levels", SHADOW_DEPTH_MAX);
	}
	return true;
}

static void put_whole(struct jsonout *out, const char *key, const struct shadow *shadow)
{
	jsonout_object(out, key);
	if (shadow->version && !shadow->is_deleted) {
		put_tree(out, "state", shadow->state);
		put_tree(out, "metadata", shadow->metadata);
	}
	jsonout_int(out, "version", shadow->version);
	jsonout_object_end(out);
}

static void describe(struct shadow_change *change, const struct request *request,
		     const struct shadow *old, const struct shadow *new, struct arena *arena)
{
	const struct json *delta = delta_of(arena, new);
	autobuf struct buf accepted, documents, difference;
	struct jsonout out;

	begin(&out, &accepted);
	jsonout_json(&out, "state", request->state);
	put_tree(&out, "metadata",
		 shadowstate_merge(arena, NULL, request->state, new->timestamp, true));
	jsonout_int(&out, "version", new->version);
	jsonout_int(&out, "timestamp", new->timestamp);
	put_token(&out, request->token);
	change->accepted = finish(&out, &accepted, arena);

	begin(&out, &documents);
	put_whole(&out, "previous", old);
	put_whole(&out, "current", new);
	jsonout_int(&out, "timestamp", new->timestamp);
	put_token(&out, request->token);
	change->documents = finish(&out, &documents, arena);

	begin(&out, &difference);
	jsonout_int(&out, "version", new->version);
	jsonout_int(&out, "timestamp", new->timestamp);
	put_tree(&out, "state", delta);
	put_token(&out, request->token);
	change->delta = finish(&out, &difference, arena);
	if (!delta)
		change->delta = NULL;
}

bool shadow_update(const struct shadow_id *id, const char *document, size_t length,
		   struct arena *arena, struct shadow_change *change, struct error *err)
{
	autoclose int directory = -1;
	struct request request = { 0 };
	struct shadow old, new;

	if (!read_request(&request, document, length, arena, err) || !check_room(id, err) ||
	    !open_thing(id, true, &directory, err) || !read_shadow(id, directory, arena, &old, err))
		return false;
	if (request.version && (old.is_deleted || request.version != old.version))
		return error_set(err, ERROR_EXISTS, "Version conflict");
	new = (struct shadow){ .version = old.version + 1, .timestamp = now_seconds() };
	new.state = shadowstate_merge(arena, old.is_deleted ? NULL : old.state, request.state,
				      new.timestamp, false);
	new.metadata = shadowstate_merge(arena, old.is_deleted ? NULL : old.metadata, request.state,
					 new.timestamp, true);
	if (shadowstate_size(new.state) > SHADOW_DOCUMENT_MAX)
		return error_set(err, ERROR_INPUT, "the shadow would have more than %d bytes",
				 SHADOW_DOCUMENT_MAX);
	if (!write_shadow(id, directory, &new, err))
		return false;
	describe(change, &request, &old, &new, arena);
	return true;
}

bool shadow_delete(const struct shadow_id *id, struct arena *arena, const char **answer,
		   struct error *err)
{
	autoclose int directory = -1;
	struct shadow shadow;

	if (!open_thing(id, false, &directory, err) ||
	    !read_shadow(id, directory, arena, &shadow, err))
		return false;
	if (shadow.version == 0 || shadow.is_deleted)
		return not_found(id, err);
	*answer = arena_printf(arena, "{\"version\":%" PRId64 ",\"timestamp\":%" PRId64 "}",
			       shadow.version, now_seconds());
	shadow = (struct shadow){ .version = shadow.version + 1,
				  .timestamp = now_seconds(),
				  .is_deleted = true };
	return write_shadow(id, directory, &shadow, err);
}

bool shadow_list(const struct shadow_id *id, struct arena *arena, struct texts *names,
		 struct error *err)
{
	autoclose int directory = -1;

	if (!open_thing(id, false, &directory, err))
		return err->kind == ERROR_NOT_FOUND; /* a thing without shadows */

	autodir DIR *listing = file_list(directory, ".");
	const struct dirent *entry;

	if (!listing)
		return error_sys(err, "list shadows of %s", id->thing);
	while ((entry = readdir(listing))) {
		size_t length = strlen(entry->d_name), suffix = sizeof(SUFFIX) - 1;
		struct shadow_id other = *id;
		struct shadow shadow;

		if (length <= suffix || strcmp(entry->d_name + length - suffix, SUFFIX) != 0)
			continue; /* the classic one is ".json", too */
		other.name = arena_strndup(arena, entry->d_name, length - suffix);
		if (!read_shadow(&other, directory, arena, &shadow, err))
			return false;
		if (!shadow.is_deleted)
			texts_add(names, other.name);
	}
	texts_sort(names);
	return true;
}
